package tests

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// erasing is a latchkeyd that is built as the product is where Go's runtime can
// erase what a PIN leaves behind; this test's own build need not be.
func erasing(t testing.TB) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	if pin.Erases {
		return filepath.Join(dir, "latchkeyd")
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("Go's runtime cannot erase on %s", runtime.GOARCH)
	}
	program := filepath.Join(t.TempDir(), "latchkeyd")
	build := exec.Command("go", "build", "-o", program, "latchkey/cmd/latchkeyd")
	build.Env = append(os.Environ(), "GOEXPERIMENT=runtimesecret")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// trace is something that a PIN leaves if it is not wiped.
type trace struct {
	what  string
	bytes []byte
}

// traces are the ways in which a program may hold digits: as characters, as
// numbers of each size, as UTF-16.
func traces(digits string) []trace {
	all := []trace{{"ASCII digits", []byte(digits)}}
	for _, wide := range []struct {
		what string
		size int
		base byte
	}{
		{"digits as bytes", 1, '0'},
		{"digits as 16-bit numbers", 2, '0'},
		{"digits as 32-bit numbers", 4, '0'},
		{"digits as 64-bit numbers", 8, '0'},
		{"16-bit characters", 2, 0},
		{"32-bit characters", 4, 0},
	} {
		var b []byte
		for _, digit := range []byte(digits) {
			b = append(b, digit-wide.base)
			b = append(b, make([]byte, wide.size-1)...)
		}
		all = append(all, trace{wide.what, b})
	}
	return all
}

// derived are the traces of what a reader makes of a PIN: the material, by
// either half of it, and, of a PIN that nobody has, the tag.
func (r *testReader) derived(digits string, unknown bool) []trace {
	r.t.Helper()
	site, err := readSite(r.data())
	if err != nil {
		r.t.Fatal(err)
	}
	held := openCredentials(cache.Options{Dir: r.data(), Site: site.ID, Controller: site.Controller})
	defer held.cache.Close()
	material, err := pin.Material([]byte(digits), held.epoch.KDF)
	if err != nil {
		r.t.Fatal(err)
	}
	all := []trace{{"material", material[:16]}, {"end of the material", material[16:]}}
	if unknown {
		tag, err := held.key.Tag(wire.PIN, material)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, trace{"tag", tag[:]})
	}
	return all
}

// find reads the reader's whole memory as a debugger would and says where
// traces are.
func (r *testReader) find(traces []trace) (found []string) {
	r.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", r.cmd.Process.Pid)
	maps, err := os.Open(proc + "maps")
	if err != nil {
		r.t.Fatal(err)
	}
	defer maps.Close()
	memory, err := os.Open(proc + "mem")
	if os.IsPermission(err) {
		r.t.Skip("only root can read the memory of another process that forbids it")
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer memory.Close()
	read := 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if strings.Contains(lines.Text(), "[v") {
			continue // the kernel's: vvar, vdso, vsyscall
		}
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			r.t.Fatal(err)
		}
		if mode[0] != 'r' {
			continue
		}
		b := make([]byte, to-from)
		n, err := memory.ReadAt(b, from)
		if err != nil && err != io.EOF && n == 0 {
			continue // it went meanwhile
		}
		read += n
		for _, trace := range traces {
			for at, rest := 0, b[:n]; ; {
				i := bytes.Index(rest, trace.bytes)
				if i < 0 {
					break
				}
				found = append(found, fmt.Sprintf("%s at %x in %s", trace.what, from+int64(at+i), lines.Text()))
				at, rest = at+i+1, rest[i+1:]
			}
		}
	}
	if read < 8<<20 {
		r.t.Fatalf("only %d bytes of memory could be read", read)
	}
	return found
}

// gone waits until no trace is left. The memory of a derivation goes a quarter
// of a second after its outcome.
func (r *testReader) gone(when string, traces []trace) {
	r.t.Helper()
	var found []string
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%s: %s", when, strings.Join(found, "\n"))
		}
	}()
	r.eventually("no trace of a secret "+when, func() bool {
		found = r.find(traces)
		return len(found) == 0
	})
}

func TestAPINIsNowhereInTheMemoryAfterItsOutcome(t *testing.T) {
	t.Parallel()
	program := erasing(t)
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.run(program, "run")

	// What is being typed is there, so this test would see it.
	reader.asksForPIN()
	for _, digit := range wrongPIN[:7] {
		reader.press("digit-" + string(digit))
	}
	if len(reader.find(traces(wrongPIN[:7]))) == 0 {
		t.Fatal("seven digits that are being typed are not found in the memory: this test sees nothing")
	}
	reader.press("cancel")
	reader.gone("after Cancel", traces(wrongPIN[:7]))

	reader.wrong(wrongPIN)
	reader.shows("denied", denied)
	reader.gone("after a wrong PIN", append(traces(wrongPIN), reader.derived(wrongPIN, true)...))

	reader.typePIN(adaPIN)
	reader.opens("a PIN")
	reader.gone("after a right PIN", append(traces(adaPIN), reader.derived(adaPIN, false)...))
	reader.closed()

	reader.full(1)
	reader.typePIN(wrongPIN) // cannot be charged, so its outcome is thrown away
	reader.eventually("PIN is out of order", func() bool { return reader.status()["pin"] == "not stored" })
	reader.gone("after a PIN that could not be charged", append(traces(wrongPIN), reader.derived(wrongPIN, true)...))
}

// The bytes that a test looks for are what they are meant to be.
func TestTracesAreWhatAProgramWouldHold(t *testing.T) {
	want := map[string][]byte{
		"ASCII digits":             []byte("12345678"),
		"digits as bytes":          {1, 2, 3, 4, 5, 6, 7, 8},
		"digits as 16-bit numbers": binary.LittleEndian.AppendUint64([]byte{1, 0, 2, 0, 3, 0, 4, 0}, 0x0008000700060005),
		"16-bit characters":        []byte("1\x002\x003\x004\x005\x006\x007\x008\x00"),
	}
	matched := 0
	for _, trace := range traces("12345678") {
		if expected, ok := want[trace.what]; ok && bytes.Equal(expected, trace.bytes) {
			matched++
		}
	}
	if matched != len(want) {
		t.Errorf("%d of %d traces are right", matched, len(want))
	}
}
