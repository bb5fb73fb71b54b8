package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// archived reads an archive of cpio's "newc" format back: names, modes and
// contents in the order in which they stand.
func archived(t *testing.T, archive []byte) (names []string, entries map[string]entry) {
	t.Helper()
	entries = map[string]entry{}
	take := func(n int) []byte {
		if len(archive) < n {
			t.Fatalf("the archive ends %d bytes too early", n-len(archive))
		}
		b := archive[:n]
		archive = archive[n:]
		return b
	}
	for {
		head := string(take(110))
		var magic, inode, mode, uid, gid, links, at, size, a, b, c, d, name, sum uint32
		if _, err := fmt.Sscanf(head, "%6x%8x%8x%8x%8x%8x%8x%8x%8x%8x%8x%8x%8x%8x",
			&magic, &inode, &mode, &uid, &gid, &links, &at, &size, &a, &b, &c, &d, &name, &sum); err != nil || magic != 0x70701 {
			t.Fatalf("header %q: %v", head, err)
		}
		path := strings.TrimSuffix(string(take(int(name))), "\x00")
		take(-(110 + int(name)) & 3)
		content := slices.Clone(take(int(size)))
		take(-int(size) & 3)
		if path == "TRAILER!!!" {
			return names, entries
		}
		kinds := map[uint32]fs.FileMode{0o04: fs.ModeDir, 0o12: fs.ModeSymlink, 0o10: 0}
		kind, known := kinds[mode>>12]
		if !known {
			t.Errorf("%s has mode %o", path, mode)
		}
		names = append(names, path)
		entries[path] = entry{kind | fs.FileMode(mode&0o777), content}
	}
}

func TestAnArchiveHoldsWhatWasPutIn(t *testing.T) {
	a := initramfs{}
	program := t.TempDir() + "/program"
	if err := os.WriteFile(program, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.file("usr/lib/deep/program", program); err != nil {
		t.Fatal(err)
	}
	a.link("bin/sh", "busybox")
	a.text("etc/empty", "")
	a.dir("dev")
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := a.write(w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of one tree differ")
	}
	names, entries := archived(t, first.Bytes())
	if want := []string{"bin", "bin/sh", "dev", "etc", "etc/empty", "usr", "usr/lib", "usr/lib/deep", "usr/lib/deep/program"}; !slices.Equal(names, want) {
		t.Errorf("the archive holds %v, not %v", names, want)
	}
	for name, want := range map[string]entry{
		"dev":                  {fs.ModeDir | 0o755, nil},
		"bin/sh":               {fs.ModeSymlink | 0o777, []byte("busybox")},
		"etc/empty":            {0o644, nil},
		"usr/lib/deep/program": {0o755, []byte("12345")},
	} {
		if got := entries[name]; got.mode != want.mode || !bytes.Equal(got.data, want.data) {
			t.Errorf("%s is %v %q, not %v %q", name, got.mode, got.data, want.mode, want.data)
		}
	}
}

func TestTheNewestKernelIsTheOneWithTheHighestNumber(t *testing.T) {
	abis := []string{"6.1.0-9", "6.1.0-56", "6.1.0-50", "6.1.0-7"}
	if got := slices.MaxFunc(abis, compareABIs); got != "6.1.0-56" {
		t.Errorf("newest: %s", got)
	}
	for name, want := range map[string]bool{
		"linux-image-6.1.0-56-arm64":          true,
		"linux-image-6.1.0-56-cloud-arm64":    false,
		"linux-image-6.1.0-56-rt-arm64":       false,
		"linux-image-6.1.0-56-arm64-unsigned": false,
		"linux-image-6.12.0-1-arm64":          false,
	} {
		if got := kernelPackage.MatchString(name); got != want {
			t.Errorf("%s taken for a kernel: %v", name, got)
		}
	}
}

func TestALineOfTheGuestIsFoundHoweverItArrives(t *testing.T) {
	c := &console{log: io.Discard}
	for _, part := range []string{"[    0.1] kernel\r\n\nBEN", "CH 2.039 first li", "ne\nBENCH 3.5 up\nBENCH 9 unfinished"} {
		if _, err := io.WriteString(c, part); err != nil {
			t.Fatal(err)
		}
	}
	if at, ok := c.at("first line"); !ok || at != 2.039 {
		t.Errorf("first line: %v %v", at, ok)
	}
	if !c.saw("up") || c.saw("unfinished") || c.saw("end") {
		t.Error("lines were taken for others")
	}
	if got := c.tail(1); got != "BENCH 3.5 up" {
		t.Errorf("the last line is %q", got)
	}
}

func TestInputEventsAddUp(t *testing.T) {
	var b []byte
	event := func(kind, code uint16, value int32) {
		b = append(b, make([]byte, 16)...)
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint16(b, code)
		b = binary.LittleEndian.AppendUint32(b, uint32(value))
	}
	event(1, 0x14a, 1)
	event(3, 0, 1234)
	event(3, 1, 56)
	event(3, 24, 300)
	event(0, 0, 0)
	if got, want := decodeEvents(b), (inputState{true, true, 1234, 56, 300, 1}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	event(1, 0x14a, 0)
	if got := decodeEvents(append(b, 1, 2, 3)); got.touched {
		t.Error("the finger is still there")
	}
}

func TestAReportWithAFailureIsAnError(t *testing.T) {
	var r report
	r.add("one thing", "by looking", nil, time.Second)
	r.figures = []figure{{"a figure", "7"}}
	b := &shared{out: t.TempDir(), debian: &debian{abi: "6.1.0-1"}}
	if err := r.write(b); err != nil {
		t.Error(err)
	}
	r.add("another | thing", "", errors.New("it\nbroke"), time.Second)
	if err := r.write(b); err == nil {
		t.Error("a failure is no error")
	}
	text, err := os.ReadFile(b.out + "/report.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"| one thing | by looking | ok | 1.0 |", `| another \| thing | it broke | **failed** | 1.0 |`, "| a figure | 7 |"} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("the report has no line %q:\n%s", line, text)
		}
	}
}

func TestDifferencesAreCountedInPixels(t *testing.T) {
	a, b := image.NewRGBA(image.Rect(0, 0, 3, 2)), image.NewRGBA(image.Rect(0, 0, 3, 2))
	if n := differences(a, b); n != 0 {
		t.Errorf("equal pictures differ in %d pixels", n)
	}
	b.Pix[0], b.Pix[2], b.Pix[20] = 1, 1, 1
	if n := differences(a, b); n != 2 {
		t.Errorf("%d pixels differ, not 2", n)
	}
	if n := differences(a, image.NewRGBA(image.Rect(0, 0, 2, 3))); n != 6 {
		t.Errorf("pictures of two sizes differ in %d pixels", n)
	}
}

func TestWordsThatTheConfigDoesNotHaveAreNotReplaced(t *testing.T) {
	if err := try(func() { new(lane).writeConfig("", "no such words", "others") }); err == nil {
		t.Error("words that the config does not have were replaced")
	}
}

func TestAFailedStepEndsItsScenario(t *testing.T) {
	var steps []int
	broken := errors.New("broken")
	err := try(func() {
		steps = append(steps, 1)
		check(nil)
		steps = append(steps, 2)
		check(broken)
		steps = append(steps, 3)
	})
	if !errors.Is(err, broken) || !slices.Equal(steps, []int{1, 2}) {
		t.Errorf("steps %v, then %v", steps, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a bug was taken for a failed step")
		}
	}()
	try(func() { panic("a bug") })
}
