package touch

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"testing"
	"time"

	"github.com/holoplot/go-evdev"
	"golang.org/x/sys/unix"
)

// Requests of the kernel's uinput.h.
const (
	uiDevCreate = 0x5501
	uiSetEvBit  = 0x40045564
	uiSetKeyBit = 0x40045565
	uiSetAbsBit = 0x40045567
)

// uinput makes an input device of the kernel's own; what is written to it are its events,
// and closing it takes it away.
func uinput(t *testing.T, name string, multi bool) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/uinput", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skip("this machine has no /dev/uinput: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	set := func(request uint, v int) { must(unix.IoctlSetInt(int(f.Fd()), request, v)) }
	user := evdev.UinputUserDevice{ID: evdev.InputID{BusType: evdev.BUS_VIRTUAL, Vendor: 1, Product: 1, Version: 1}}
	copy(user.Name[:], name)
	set(uiSetEvBit, evdev.EV_KEY)
	set(uiSetKeyBit, evdev.BTN_TOUCH)
	set(uiSetEvBit, evdev.EV_ABS)
	axes := map[int]int32{evdev.ABS_X: 4095, evdev.ABS_Y: 4095}
	if multi {
		for a, most := range map[int]int32{evdev.ABS_MT_SLOT: 4, evdev.ABS_MT_TRACKING_ID: 65535, evdev.ABS_MT_POSITION_X: 4095, evdev.ABS_MT_POSITION_Y: 4095} {
			axes[a] = most
		}
	}
	for a, most := range axes {
		set(uiSetAbsBit, a)
		user.Absmax[a] = most
	}
	must(binary.Write(f, binary.LittleEndian, user))
	set(uiDevCreate, 0)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestADeviceOfTheKernelIsFollowedAndTakenForItselfAlone(t *testing.T) {
	for _, multi := range []bool{true, false} {
		name := map[bool]string{true: "latchkey test panel", false: "latchkey test film"}[multi]
		w := uinput(t, name, multi)
		d, err := NewEvdev(name, Opts{Size: image.Pt(240, 320)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		pen, done := make(chan bool, 16), make(chan error, 1)
		go func() { done <- d.Run(ctx, func(active bool) { pen <- active }) }()
		until := func(works bool) {
			for followed := !works; followed != works; time.Sleep(10 * time.Millisecond) {
				d.mu.Lock()
				followed = d.contacts != nil
				d.mu.Unlock()
			}
		}
		// next waits until pen is called, and reads meanwhile as its caller
		// does: a finger counts until it was seen to have lifted.
		next := func() bool {
			for {
				select {
				case active := <-pen:
					return active
				case <-time.After(5 * time.Millisecond):
					d.Read()
				}
			}
		}
		until(true) // its node may take a moment
		if second, _, err := openEvdev(name); err == nil {
			second.Close()
			t.Error("two can follow it")
		}
		land, lift := lands(0, 1, 1000, 3000), lifts(0).key(0).sync()
		if !multi {
			land = events{}.key(1).abs(evdev.ABS_X, 1000).abs(evdev.ABS_Y, 3000).sync()
			lift = events{}.key(0).sync()
		}
		write(t, w, land)
		if !next() {
			t.Errorf("%s: the pen is up", name)
		}
		if at, down, err := d.Read(); at != image.Pt(58, 234) || !down || err != nil {
			t.Errorf("%s: %v, %v, %v", name, at, down, err)
		}
		write(t, w, lift)
		if next() {
			t.Errorf("%s: the pen is down", name)
		}
		write(t, w, land)
		if !next() {
			t.Errorf("%s: the pen is up", name)
		}
		if err := w.Close(); err != nil { // pulled out under a finger
			t.Error(err)
		}
		if next() {
			t.Errorf("%s: the pen is down though it is gone", name)
		}
		until(false)
		w = uinput(t, name, multi)
		until(true)
		write(t, w, land)
		if !next() {
			t.Errorf("%s: the pen is up after it came back", name)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
