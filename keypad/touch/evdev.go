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

// EvdevOpts holds what differs between input devices.
type EvdevOpts struct {
	// Size is the panel in pixels, as seen; points are clamped to it.
	Size image.Point
	// Rotation is by how many degrees the picture is turned clockwise on the glass:
	// 0, 90, 180 or 270.
	Rotation int
	// Cal turns the device's positions into pixels of the picture before Rotation. The
	// zero Affine stretches the ranges that the device names over the panel.
	Cal Affine
}

// reopen is how long a device is left alone that does not work.
const reopen = time.Second

// Evdev is a touchscreen that the Linux kernel drives: a capacitive one on I2C or USB, or
// a resistive one through the kernel's ads7846. Run follows it; Read, Raw and Calibration
// may be called beside it, by any goroutine.
//
// It is taken for itself alone (EVIOCGRAB), so that no other program sees what is typed.
// A device that vanishes, or is not there yet, is looked for every second.
//
// Source: the Linux kernel's Documentation/input, event-codes and multi-touch-protocol.
type Evdev struct {
	device string
	opts   EvdevOpts
	open   func(device string) (source, ranges, error)

	mu    sync.Mutex
	pen   func(active bool)
	told  bool      // what pen was told last
	found *contacts // nil while the device is not open
	cal   Affine    // turned
	err   error     // why it is not; nil: Run has not tried yet
}

// source is an input device that is open.
type source interface {
	ReadSlice(most int) ([]evdev.InputEvent, error)
	Close() error
}

// ranges is what a device says of itself.
type ranges struct {
	multi                    bool
	left, right, top, bottom int // least and most of its positions
}

// NewEvdev prepares for a device: its path ("/dev/input/event0", or better one below
// /dev/input/by-path, which stays), or the name that the kernel gives it ("ADS7846
// Touchscreen"). Until Run has tried to open it, it counts as untouched.
func NewEvdev(device string, o *EvdevOpts) (*Evdev, error) {
	if device == "" {
		return nil, errors.New("touch: no input device: name its path or its name")
	}
	d := &Evdev{device: device, open: openEvdev}
	if o != nil {
		d.opts = *o
	}
	if d.opts.Size == (image.Point{}) {
		d.opts.Size = DefaultOpts.Size
	}
	if d.opts.Size.X <= 0 || d.opts.Size.Y <= 0 {
		return nil, fmt.Errorf("touch: size %v is not a panel's", d.opts.Size)
	}
	return d, nil
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

// CheckEvdev opens and grabs the device that NewEvdev would be given, and lets go
// of it: nil if it is there, may be used, and is a touchscreen.
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

// Run follows the device until ctx is done. pen, if not nil, is called as a finger lands
// and once all that have landed were read to lift; it must not block, nor call Evdev.
func (d *Evdev) Run(ctx context.Context, pen func(active bool)) error {
	d.mu.Lock()
	d.pen = pen
	d.mu.Unlock()
	for {
		err := d.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.lose(fmt.Errorf("touch: %s: %w", d.device, err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reopen):
		}
	}
}

// follow opens the device and reads it until that fails or ctx is done.
func (d *Evdev) follow(ctx context.Context) error {
	in, r, err := d.open(d.device)
	if err != nil {
		return err
	}
	closed := sync.OnceValue(in.Close)
	defer closed()
	defer context.AfterFunc(ctx, func() { closed() })()
	d.begin(r)
	for {
		events, err := in.ReadSlice(64)
		if err != nil {
			return err
		}
		d.take(events)
	}
}

// begin takes over a device that was just opened.
func (d *Evdev) begin(r ranges) {
	upright := upright(d.opts.Size, d.opts.Rotation)
	cal := d.opts.Cal
	if cal == (Affine{}) {
		cal = Edges(upright, r.left, r.right, r.top, r.bottom)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found, d.err, d.cal = newContacts(r.multi, image.Pt((r.right-r.left)/16, (r.bottom-r.top)/16)), nil, cal.Turned(d.opts.Rotation, upright)
}

// take looks at events.
func (d *Evdev) take(events []evdev.InputEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for _, e := range events {
		d.found.event(e, now)
	}
	d.tellPen()
}

// tellPen tells of a finger that came, or that all have gone.
func (d *Evdev) tellPen() {
	active := d.found != nil && d.found.any()
	if active != d.told && d.pen != nil {
		d.pen(active)
	}
	d.told = active
}

// lose notes that the device does not work; what touched it goes with it.
func (d *Evdev) lose(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found, d.err = nil, err
	d.tellPen()
}

// where is the place of the finger that counts, as the device has it.
func (d *Evdev) where() (raw image.Point, pressed bool, err error) {
	if d.found == nil {
		return image.Point{}, false, d.err
	}
	defer d.tellPen()
	raw, pressed = d.found.now(time.Now())
	return raw, pressed, nil
}

// PassOver has other fingers count in place of the one that does, which will not lift, and
// tells whether the device can tell them apart. Where it cannot, nothing is changed.
func (d *Evdev) PassOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found == nil || !d.found.multi {
		return false
	}
	d.found.passOver()
	d.tellPen()
	return true
}

// PassedOver tells whether something that was passed over still touches.
func (d *Evdev) PassedOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found != nil && d.found.passedOver()
}

// Read says whether the panel is touched, and where, in pixels within Size. It does not
// block; its error says why the device does not work.
func (d *Evdev) Read() (p image.Point, pressed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, down, err := d.where()
	if !down {
		return image.Point{}, false, err
	}
	return d.cal.Pixel(at.X, at.Y, d.opts.Size), true, nil
}

// Refresh says whether the device works; there is nothing to refresh.
func (d *Evdev) Refresh() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Raw is Read before calibration: the place as the device has it.
func (d *Evdev) Raw() (raw image.Point, pressed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.where()
}

// Calibration gives the EvdevOpts.Cal that fits samples of Raw best; see [Fit].
func (d *Evdev) Calibration(samples []Sample) (Affine, error) {
	return fit(samples, d.opts.Size, d.opts.Rotation)
}

// String names the device.
func (d *Evdev) String() string { return "evdev{" + d.device + "}" }
