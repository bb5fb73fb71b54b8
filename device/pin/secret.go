//go:build goexperiment.runtimesecret && linux && (amd64 || arm64)

package pin

import "runtime/secret"

// Erases says whether Secretly erases anything in this build.
const Erases = true

// Secretly runs f and erases what that leaves behind: registers and stack at
// once, also those that the runtime saved or outgrew meanwhile, and what f
// allocated when the garbage collector finds that nobody refers to it any more
// (see Release). It does so on Linux on amd64 and arm64, in builds with
// GOEXPERIMENT=runtimesecret. It does not reach goroutines that f starts.
func Secretly(f func()) { secret.Do(f) }
