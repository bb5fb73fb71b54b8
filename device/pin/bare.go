//go:build !(goexperiment.runtimesecret && linux && (amd64 || arm64))

package pin

// Erases says whether Secretly erases anything in this build.
const Erases = false

// Secretly runs f. In this build Go's runtime cannot erase what f leaves in
// memory: see device/SECURITY.md.
func Secretly(f func()) { f() }
