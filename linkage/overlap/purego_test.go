//go:build purego

package overlap

const pure = true
