package main

import (
	"fmt"
	"syscall"
)

func mountSmallDisk(dir string, kib int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib))
}

func unmount(dir string) error { return syscall.Unmount(dir, 0) }
