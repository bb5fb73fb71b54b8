//go:build goexperiment.runtimesecret && linux && (amd64 || arm64)

package tpm

import "runtime/secret"

// secretly runs f and erases what f leaves in memory: see pin.Secretly.
func secretly(f func()) { secret.Do(f) }
