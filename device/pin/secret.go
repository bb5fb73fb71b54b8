//go:build goexperiment.runtimesecret && linux && (amd64 || arm64)

package pin

import "runtime/secret"

// Erases says whether Secretly erases anything in this build.
const Erases = true

// Secretly runs f and erases what f leaves in memory: registers and stacks at
// once, including saved and outgrown ones, and f's allocations when the garbage
// collector frees them (see Release). It does not cover goroutines that f starts.
// It needs GOEXPERIMENT=runtimesecret, and Linux on amd64 or arm64.
func Secretly(f func()) { secret.Do(f) }
