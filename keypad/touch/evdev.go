package touch

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/holoplot/go-evdev"
)

// reopenAfter is the pause before a device that does not work is opened again.
const reopenAfter = time.Second

// Evdev is a touchscreen that the Linux kernel drives: a capacitive one on I2C or USB, or
// a resistive one through the kernel's ads7846. Run follows its events; all other methods
// may be called meanwhile, from any goroutine.
//
// The device is opened for exclusive use (EVIOCGRAB), so that no other program sees what is
// typed. One that vanishes, or is not there yet, is looked for every second.
//
// Source: the Linux kernel's Documentation/input, event-codes and multi-touch-protocol.
type Evdev struct {
	device string
	opts   Opts
	open   func(device string) (source, ranges, error)

	mu       sync.Mutex
	pen      func(active bool)
	penTold  bool      // what pen was called with last
	contacts *contacts // nil while the device is not open
	cal      Affine    // with the rotation
	err      error     // why it is not open; nil: Run has not tried yet
}

// source is an input device that is open.
type source interface {
	ReadSlice(most int) ([]evdev.InputEvent, error)
	Close() error
}

// ranges is what a device says about itself.
type ranges struct {
	multi                    bool
	left, right, top, bottom int // its lowest and highest positions
}

// NewEvdev takes a device's path ("/dev/input/event0", or better one below
// /dev/input/by-path, which stays the same), or the name that the kernel gives it ("ADS7846
// Touchscreen"). It opens nothing; until Run does, the device counts as untouched.
func NewEvdev(device string, o Opts) (*Evdev, error) {
	if device == "" {
		return nil, errors.New("touch: no input device: give its path or its name")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Evdev{device: device, opts: o, open: openEvdev}, nil
}

// openEvdev opens and grabs a device, and asks it for its axes.
func openEvdev(device string) (source, ranges, error) {
	open := evdev.OpenByNameWithFlags
	if strings.HasPrefix(device, "/") {
		open = evdev.OpenWithFlags
	}
	in, err := open(device, os.O_RDONLY)
	if err != nil {
		return nil, ranges{}, err
	}
	r, err := axes(in)
	if err == nil {
		if err = in.Grab(); err != nil {
			err = fmt.Errorf("is in use: %w", err)
		}
	}
	if err == nil {
		err = in.NonBlock() // so that closing ends a read
	}
	if err != nil {
		return nil, ranges{}, errors.Join(err, in.Close())
	}
	return in, r, nil
}

// CheckEvdev opens, grabs and closes a device: nil if it is there, may be used, and is a
// touchscreen.
func CheckEvdev(device string) error {
	in, _, err := openEvdev(device)
	if err != nil {
		return fmt.Errorf("%s does not work as a touchscreen: /proc/bus/input/devices lists them, and the user that runs latchkeyd must be allowed to read it: %w", device, err)
	}
	return in.Close()
}

func axes(in *evdev.InputDevice) (ranges, error) {
	abs, err := in.AbsInfos()
	if err != nil {
		return ranges{}, err
	}
	_, slots := abs[evdev.ABS_MT_SLOT]
	x, okX := abs[evdev.ABS_MT_POSITION_X]
	y, okY := abs[evdev.ABS_MT_POSITION_Y]
	if !slots || !okX || !okY {
		slots = false
		x, okX = abs[evdev.ABS_X]
		y, okY = abs[evdev.ABS_Y]
	}
	r := ranges{slots, int(x.Minimum), int(x.Maximum), int(y.Minimum), int(y.Maximum)}
	if !okX || !okY || r.left >= r.right || r.top >= r.bottom {
		return ranges{}, errors.New("is no touchscreen: it has no X and Y")
	}
	return r, nil
}

// Run follows the device until ctx is done. pen, if not nil, is called with true when a
// finger lands, and with false when the caller of Read has seen all of them lift. It must
// neither block nor call Evdev.
func (d *Evdev) Run(ctx context.Context, pen func(active bool)) error {
	d.mu.Lock()
	d.pen = pen
	d.mu.Unlock()
	for {
		err := d.readEvents(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.disconnected(fmt.Errorf("touch: %s: %w", d.device, err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reopenAfter):
		}
	}
}

// readEvents opens the device and reads it until that fails or ctx is done.
func (d *Evdev) readEvents(ctx context.Context) error {
	in, r, err := d.open(d.device)
	if err != nil {
		return err
	}
	closed := sync.OnceValue(in.Close)
	defer closed()
	defer context.AfterFunc(ctx, func() { closed() })()
	d.opened(r)
	for {
		events, err := in.ReadSlice(64)
		if err != nil {
			return err
		}
		d.handle(events)
	}
}

// opened takes over a device that was just opened.
func (d *Evdev) opened(r ranges) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.contacts = newContacts(r.multi, image.Pt((r.right-r.left)/16, (r.bottom-r.top)/16))
	d.cal, d.err = d.opts.mapping(r.left, r.right, r.top, r.bottom), nil
}

// handle takes events.
func (d *Evdev) handle(events []evdev.InputEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for _, e := range events {
		d.contacts.event(e, now)
	}
	d.tellPen()
}

// tellPen calls pen if a finger has come, or all have gone.
func (d *Evdev) tellPen() {
	active := d.contacts != nil && d.contacts.waits()
	if active != d.penTold && d.pen != nil {
		d.pen(active)
	}
	d.penTold = active
}

// disconnected notes that the device does not work. Its contacts are gone.
func (d *Evdev) disconnected(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.contacts, d.err = nil, err
	d.tellPen()
}

// touching returns the position of the contact that counts, in the device's counts.
func (d *Evdev) touching() (raw image.Point, pressed bool, err error) {
	if d.contacts == nil {
		return image.Point{}, false, d.err
	}
	defer d.tellPen()
	raw, pressed = d.contacts.look(time.Now())
	return raw, pressed, nil
}

// PassOver disregards the contact that counts now and does not lift, so that others count.
// It returns false and does nothing where the device cannot tell contacts apart.
func (d *Evdev) PassOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.contacts == nil || !d.contacts.multi {
		return false
	}
	d.contacts.passOverCurrent()
	d.tellPen()
	return true
}

// PassedOver reports whether something that is disregarded still touches.
func (d *Evdev) PassedOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.contacts != nil && d.contacts.passedOver()
}

// Read returns whether the panel is touched, and where, in pixels within Size. It does not
// block. Its error is why the device does not work.
func (d *Evdev) Read() (p image.Point, pressed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, down, err := d.touching()
	if !down {
		return image.Point{}, false, err
	}
	return d.cal.Pixel(at, d.opts.Size), true, nil
}

// Refresh returns why the device does not work; there is nothing to refresh.
func (d *Evdev) Refresh() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Raw is Read without calibration: the position in the device's counts.
func (d *Evdev) Raw() (raw image.Point, pressed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.touching()
}

// Calibration returns the Opts.Cal that fits samples of Raw best; see [ErrNonsense].
func (d *Evdev) Calibration(samples []Sample) (Affine, error) { return d.opts.calibration(samples) }

// String names the device.
func (d *Evdev) String() string { return "evdev{" + d.device + "}" }
