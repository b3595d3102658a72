//go:build purego || !(amd64 || arm64)

package overlap

func machineKernels() []*kernel { return nil }
