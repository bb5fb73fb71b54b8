//go:build !(goexperiment.runtimesecret && linux && (amd64 || arm64))

package pin

// Erases says whether Secretly erases anything in this build.
const Erases = false

// Secretly runs f. Go's runtime cannot erase what that leaves behind in this
// build: see device/SECURITY.md.
func Secretly(f func()) { f() }
