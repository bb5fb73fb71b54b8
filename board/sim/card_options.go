package sim

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"time"
)

// ChipOptions say how the chip of a card behaves where no good source settles it,
// and how fast it is. A field's zero value means the default that its comment
// names.
type ChipOptions struct {
	// Random gives RndB and the transaction identifier of an authentication, in
	// this order; crypto/rand if nil.
	Random io.Reader

	ComputeTime time.Duration // of a command: 5 ms
	KeyTime     time.Duration // of ChangeKey: 10 ms
	FormatTime  time.Duration // of FormatPICC: 100 ms

	EV2Software [2]byte // major and minor version of an EV2's software: 2.1
	StrayAF     byte    // status for AF without a command under way: CA
	WrongType   byte    // status for an authentication that does not suit the key's type: AE
	MixedForms  bool    // native and wrapped commands may be mixed after one selection; otherwise CA
	AIDsInFrame int     // of GetApplicationIDs: 19

	// Fail counters. An NTAG 424 has them, a DESFire only with FailCounters.
	FailCounters  bool
	FailLimit     int           // a key with as many failures is dead: 1000
	FailDecrement int           // failures that a success makes good: 10
	FailsFree     int           // failures in a row before the card delays: 50
	DelayTime     time.Duration // how long it computes for AD: 25 ms
	ForgetsFails  bool          // failures in a row are forgotten without a field
}

// Configure sets how the chip behaves from the next command on. It is not kept
// in JSON.
func (m *Memory) Configure(o ChipOptions) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opts = o
}

func (o *ChipOptions) random(n int) []byte {
	out := make([]byte, n)
	var from io.Reader = rand.Reader
	if o.Random != nil {
		from = o.Random
	}
	if _, err := io.ReadFull(from, out); err != nil {
		panic(fmt.Sprintf("sim: random numbers of a card: %v", err))
	}
	return out
}

func (o *ChipOptions) computeTime() time.Duration {
	return cmp.Or(o.ComputeTime, 5*time.Millisecond)
}

// Tear is a loss of power in the middle of a command that writes.
type Tear int

// The points of a loss of power.
const (
	NoTear      Tear = iota
	BeforeWrite      // nothing is written
	InWrite          // the first half of a file's data is written; of all else nothing
	AfterWrite       // all is written
)

// TearNext lets the card lose power in the next command that writes keys,
// settings, applications or files. It does not answer that command, nor any
// other until it is selected anew. A fail counter is not torn.
func (m *Memory) TearNext(t Tear) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tear = t
}

// maxRefused bounds how many refused commands are kept.
const maxRefused = 100

// Refused lists the commands that the card answered with an error, the oldest
// first, as "C4: AE": the instruction and the status. Only the first 100 are kept.
func (m *Memory) Refused() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.refused)
}

func (m *Memory) refuse(ins byte, st status) {
	if len(m.refused) < maxRefused {
		m.refused = append(m.refused, fmt.Sprintf("%02X: %02X", ins, byte(st)))
	}
}
