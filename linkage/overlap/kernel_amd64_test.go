//go:build !purego

package overlap

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// generated lists the generated files, the CPU features that machineKernels asks for
// before it offers the kernel in each, and those that need no asking: AVX is part of
// AVX2, and AVX2 of what every CPU with AVX-512 has; CMOV is part of amd64.
var generated = map[string]struct{ asked, given []string }{
	"avx512": {[]string{"AVX512BW", "AVX512F", "AVX512VL", "AVX512VPOPCNTDQ"}, []string{"AVX", "AVX2", "CMOV"}},
	"avx2":   {[]string{"AVX2"}, []string{"AVX", "CMOV"}},
}

func file(kernel string) string { return "kernel_" + kernel + "_amd64.s" }

// A kernel needs what is asked for, and all that it needs is asked for or given.
func TestFeaturesAskedForAreThoseUsed(t *testing.T) {
	for kernel, features := range generated {
		text, err := os.ReadFile(file(kernel))
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^// Requires: (.*)$`).FindAllStringSubmatch(string(text), -1) {
			for _, f := range strings.Split(m[1], ", ") {
				used[f] = true
			}
		}
		for _, f := range features.given {
			delete(used, f)
		}
		if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, features.asked) {
			t.Errorf("%s: uses %q, and %q is asked for", kernel, got, features.asked)
		}
	}
}

// The assembly in the tree is what its generator writes.
func TestAssemblyIsCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator: not with -short")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("needs the go command: %v", err)
	}
	download := exec.Command(goTool, "mod", "download")
	download.Dir = "_asm"
	if out, err := download.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the generator's modules cannot be had: %s", out)
		}
		t.Skipf("the generator's modules cannot be had here: %s", out)
	}
	for kernel := range generated {
		var errs bytes.Buffer
		generate := exec.Command(goTool, "run", ".", "-kernel", kernel)
		generate.Dir, generate.Stderr = "_asm", &errs
		want, err := generate.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", kernel, err, &errs)
		}
		got, err := os.ReadFile(file(kernel))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its generator writes: run go generate", file(kernel))
		}
	}
}
