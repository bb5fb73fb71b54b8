package sim

import (
	"cmp"
	"time"

	"periph.io/x/conn/v3/physic"
)

// NFCOptions say how the PN532 behaves where its user manual (UM0701-02) does not
// decide, or where boards and measurements differ. A negative time means none.
type NFCOptions struct {
	AckDelay     time.Duration // from a command's last byte to its ACK; 1 ms if 0. The manual allows 15 ms
	CommandTime  time.Duration // a command that needs no radio; 1 ms if 0
	Turnaround   time.Duration // from the end of reading the ACK to the response, at least; 500 us if 0
	TryTime      time.Duration // one try for a card on an empty field; 20 ms if 0 (no source gives it)
	ActivateTime time.Duration // anticollision, selection and RATS of a card; 10 ms if 0

	// ExchangeTime is what an InDataExchange costs besides the time on the air and the
	// card's own; 14 ms if 0. 16 ms were measured, the ACK and its reading among them.
	ExchangeTime time.Duration
	FSD          int // the longest frame that the chip takes from a card; 64 if 0
	WTXM         int // by which a card that needs more time extends FWT: 1 to 59; 1 if 0
	MaxWTX       int // how often it may in one exchange; 0 is any number
	// GoneStatus is the status of an exchange whose card has left; 01 if 0. Others
	// were seen: 02, 03, 05, 0B, 13, 2B.
	GoneStatus byte
	GoneDelay  time.Duration // from its leaving to that answer; the card's FWT if 0

	// ShortStart: responses begin 00 FF, not 00 00 FF. Both were measured. The
	// ACK has its two zeros in either case.
	ShortStart bool
	// Filler is what MISO carries, byte by byte and round again, where nothing
	// defines it: past the end of a frame and while no frame is ready. AA if empty.
	Filler []byte
	// KeepsOverread: reading past the end of an ACK does not cost the response
	// its first byte, as it was seen to.
	KeepsOverread bool
	// IRQEarly: P70_IRQ is driven before the first SAMConfiguration too.
	IRQEarly bool
	// TakesWaking: a command that is clocked so slowly that its own chip select wakes the
	// chip is carried out, as libnfc's driver expects. Otherwise it is lost.
	TakesWaking bool
	// LosesFirst: the first command after each waking is lost.
	LosesFirst bool
	// Relists: a card that is still selected answers the next
	// InListPassiveTarget at its first try. ISO/IEC 14443-3 has it answer the
	// second.
	Relists bool
}

const (
	maxNFCClock = 5 * physic.MegaHertz   // nothing is understood above it
	abortTime   = 500 * time.Microsecond // after an abort, in which commands are lost
	wakeTime    = 2 * time.Millisecond   // chip select low until the chip is awake
	bootTime    = 2 * time.Millisecond   // from the end of a reset until it can be woken
)

// pn532 is the NFC chip, on SPI or on a serial line.
//
//	off --RSTPD_N high--> asleep, Low-Vbat --CS low 2 ms--> awake, Low-Vbat
//	awake, Low-Vbat --SAMConfiguration--> awake --PowerDown--> asleep --CS low 2 ms--> awake
//	any --RSTPD_N low--> off
type pn532 struct {
	board *Board
	fault Fault
	opts  NFCOptions

	// power
	off       bool // RSTPD_N is low
	bootUntil time.Time
	asleep    bool
	wakeSPI   bool // chip select wakes it
	wakeHSU   bool // a byte on the serial line wakes it
	lowVbat   bool
	justWoke  bool // no command since it woke

	wire pn532Wire
	hsu  *hsu // the host is on the serial line; nil: on SPI

	// dialogue
	gen        int       // timers of an older one are void
	out        *outFrame // what can be read now
	response   []byte    // what comes once out has been read
	loading    bool      // response is on its way to out
	dropFirst  bool      // the response loses its first byte
	last       []byte    // the response before, for NACK
	running    bool      // a command is being carried out
	abortUntil time.Time
	irqOn      bool
	powerDown  bool // the response to come is PowerDown's
	goingDown  bool // it has been given: in sleepDelay the chip sleeps

	rf pn532RF
}

func newPN532(b *Board, o NFCOptions) *pn532 {
	o.AckDelay = cmp.Or(o.AckDelay, time.Millisecond)
	o.CommandTime = cmp.Or(o.CommandTime, time.Millisecond)
	o.Turnaround = cmp.Or(o.Turnaround, 500*time.Microsecond)
	o.TryTime = cmp.Or(o.TryTime, 20*time.Millisecond)
	o.ActivateTime = cmp.Or(o.ActivateTime, 10*time.Millisecond)
	o.ExchangeTime = cmp.Or(o.ExchangeTime, 14*time.Millisecond)
	o.FSD = cmp.Or(o.FSD, 64)
	o.WTXM = cmp.Or(o.WTXM, 1)
	o.GoneStatus = cmp.Or(o.GoneStatus, statusTimeout)
	if len(o.Filler) == 0 {
		o.Filler = []byte{0xAA}
	}
	n := &pn532{board: b, opts: o}
	n.powerUp()
	return n
}

// powerUp is the state after power came on, or after RSTPD_N.
func (n *pn532) powerUp() {
	n.cancel()
	n.asleep, n.wakeSPI, n.wakeHSU, n.lowVbat = true, true, true, true
	n.goingDown, n.wire = false, pn532Wire{clock: n.wire.clock}
	n.last, n.irqOn, n.abortUntil = nil, n.opts.IRQEarly, time.Time{}
	n.rf.reset()
}

func (n *pn532) powerOff() {
	n.off = true
	n.cancel()
}

// reset is the RSTPD_N line; active is low.
func (n *pn532) reset(active bool) {
	n.powerUp()
	n.off = active
	if !active {
		n.bootUntil = time.Now().Add(bootTime)
	}
}

// cancel ends what is running and discards what could be read.
func (n *pn532) cancel() {
	n.gen++
	n.out, n.response, n.loading, n.dropFirst, n.running, n.powerDown = nil, nil, false, false, false, false
	n.rf.search, n.rf.onAir = nil, nil
	n.irq()
}

func (n *pn532) faultChanged() { n.irq() }

// irq drives P70_IRQ: low while a frame is ready.
func (n *pn532) irq() {
	n.board.interrupt(lineNFCIRQ, n.ready() != nil && n.irqOn && !n.fault.Absent)
}

// after runs f when d has passed, unless another command, an abort or a reset
// came in between.
func (n *pn532) after(d time.Duration, f func()) {
	gen := n.gen
	time.AfterFunc(d, func() {
		n.board.mu.Lock()
		defer n.board.mu.Unlock()
		if n.gen == gen && !n.board.closed {
			f()
		}
	})
}

// sleep is power-down: the field goes, with it every selected card.
func (n *pn532) sleep() {
	n.cancel()
	n.asleep, n.goingDown = true, false
	n.rf.fieldOff()
}

func (n *pn532) wake() { n.asleep, n.justWoke = false, true }
