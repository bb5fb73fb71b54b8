//go:build !(goexperiment.runtimesecret && linux && (amd64 || arm64))

package tpm

// secretly runs f. In this build Go's runtime cannot erase what f leaves in memory.
func secretly(f func()) { f() }
