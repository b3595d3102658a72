package formats

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// /dev/full answers every write as a full disk does; the file is put under an Output by hand, since its folder is not one to write in.
func TestOutputFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here: ", err)
	}
	folder := t.TempDir()
	out := &Output{file: full, buf: bufio.NewWriter(full), temp: filepath.Join(folder, ".t"), place: filepath.Join(folder, "a.csv"), shown: "out/a.csv"}
	out.Write([]byte("hello"))
	err = out.Commit()
	if err == nil || err.Error() != "out/a.csv cannot be written: the disk of the folder out is full; make room and run again: no space left on device" {
		t.Errorf("got %v", err)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error("the cause is not kept")
	}
	onlyThese(t, folder)
}

// The same on a real file system that is really full, where this machine lets us have one.
func TestOutputFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("no right to mount a small disk here: ", err)
	}
	defer syscall.Unmount(disk, 0)
	out := mustCreate(t, filepath.Join(disk, "a.csv"), CreateOptions{})
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		_, err = out.Write(make([]byte, 4096))
	}
	if err == nil || !strings.Contains(err.Error(), "is full") || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("Write: %v", err)
	}
	if err := out.Commit(); err == nil || !strings.Contains(err.Error(), "is full") {
		t.Errorf("Commit: %v", err)
	}
	onlyThese(t, disk)
}

func TestOutputReadOnlyFolder(t *testing.T) {
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(folder, 0o755)
	if os.Getuid() == 0 {
		// Root may write anywhere; nobody may not. Only this thread becomes nobody, and only for files (capabilities(7), setfsuid(2)).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Skip("cannot give up root here: ", err)
		}
		defer syscall.Setfsuid(0)
	}
	_, err := Create(filepath.Join(folder, "a.csv"), CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "may not be written to") {
		t.Errorf("Create: %v", err)
	}
	_, err = CreateDir(filepath.Join(folder, "linked"), 0)
	if err == nil || !strings.Contains(err.Error(), "may not be written to") || errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateDir: %v", err)
	}
}
