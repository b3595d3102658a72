//go:build !purego

package overlap

const pure = false
