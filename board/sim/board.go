package sim

import (
	"cmp"
	"fmt"
	"image"
	"log/slog"
	"math/rand/v2"
	"sync"
)

// Options say which board it is and how its chips behave where data sheets and
// measurements differ. A field's zero value means the default that its comment
// names.
type Options struct {
	Log   *slog.Logger // slog.Default() if nil
	Seed  uint64       // of noise, memory after power-up and faults
	Panel PanelOptions
	Touch TouchOptions
	NFC   NFCOptions
}

// Board is one simulated board: three chips on SPI and a few lines. All its
// methods may be called at any time from any goroutine. While nothing happens
// on the board, none of its goroutines wakes.
type Board struct {
	log *slog.Logger

	mu          sync.Mutex // guards everything below, the chips included
	closed      bool
	rng         *rand.Rand
	lines       map[string]*line
	ports       map[string]*port
	panel       *panel
	touch       *touch
	nfc         *pn532
	drawer      drawer
	views       map[*View]struct{}
	watchers    map[chan struct{}]struct{}
	violations  []string
	planned     map[string]*plan // by the name of the fault
	unhung      *sync.Cond       // with mu: a bus that hung may have recovered
	strikeFails bool             // setting the strike's line fails
	edges       *edgeQueue
}

// New makes a board that has just been powered up. A nil o is the zero
// Options. It panics for what PanelOptions.Check does not take.
func New(o *Options) *Board {
	if o == nil {
		o = &Options{}
	}
	b := &Board{
		log:      cmp.Or(o.Log, slog.Default()),
		rng:      rand.New(rand.NewPCG(o.Seed, 0x6c61746368)),
		lines:    newLines(),
		views:    map[*View]struct{}{},
		watchers: map[chan struct{}]struct{}{},
		planned:  map[string]*plan{},
	}
	b.unhung = sync.NewCond(&b.mu)
	b.edges = newEdgeQueue(&b.mu)
	b.panel = newPanel(b, o.Panel)
	b.touch = newTouch(b, o.Touch)
	b.nfc = newPN532(b, o.NFC)
	b.ports = map[string]*port{
		portPanel: newPort(b, portPanel, o.Seed, b.panel, &b.panel.fault),
		portTouch: newPort(b, portTouch, o.Seed, b.touch, &b.touch.fault),
		portNFC:   newPort(b, portNFC, o.Seed, b.nfc, &b.nfc.fault),
	}
	return b
}

// Close switches the board off: chips stop, and ports and lines fail. No input
// handler runs after it has returned, so it must not be called from one.
func (b *Board) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.unhung.Broadcast()
	for _, p := range b.planned {
		p.timer.Stop()
	}
	b.nfc.powerOff()
	b.touch.powerOff()
	b.mu.Unlock()
	b.edges.stop()
	return nil
}

// Touch puts a finger on the screen, moves it, or takes it away. x and y are
// pixels as the viewer sees them; with down false they do not matter.
func (b *Board) Touch(x, y int, down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.touch.finger(image.Pt(x, y), down)
}

// GhostTouch pulls the pen interrupt down for an instant although nothing
// touches the screen, as real panels do near a motor or a radio.
func (b *Board) GhostTouch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touch.ghost()
}

// PresentCard lays a card on the reader, in place of any other. The UID must have
// 4, 7 or 10 bytes.
func (b *Board) PresentCard(c Card) error {
	p, err := newPICC(c)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.nfc.present(p)
	}
	return nil
}

// RemoveCard takes the card away, if there is one.
func (b *Board) RemoveCard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.nfc.remove()
	}
}

// Tear has the card on the reader torn away after so many bytes of APDUs on the air,
// in both directions and with the frames around them; 0 is at once. A command is
// carried out if the last of its bytes was sent before.
func (b *Board) Tear(after int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.nfc.rf.card == nil {
		return
	}
	if after <= 0 {
		b.nfc.remove()
		return
	}
	b.nfc.rf.card.tear = after
}

// cardUID is the identifier of the card on the reader; nil if none is.
func (b *Board) cardUID() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.nfc.rf.card; p != nil {
		return p.uid
	}
	return nil
}

func (b *Board) errClosed(what string) error {
	return fmt.Errorf("sim: %s: the board is closed", what)
}
