package device

import (
	"time"

	"latchkey/sync/wire"
)

// Now is the time an event is handed to Step at.
type Now struct {
	Monotonic time.Duration // CLOCK_BOOTTIME, counted from any fixed point of this start
	Wall      time.Time     // the clock that schedules and records go by
	Trusted   bool          // Wall is to be trusted
}

// An Event is something that happened to the reader. It is one of Presented,
// Identified, Stored, Input, Command, Policy, Health, Refused and Tick.
type Event interface{ event() }

// Presented says that a whole PIN or a card now lies in the loop's slot of its
// kind. Step answers it with exactly one Identify or Forget of that kind.
type Presented struct{ Kind wire.CredentialKind }

// Identified answers Identify, in whatever time the worker takes. One that
// comes late, twice or unasked changes nothing.
type Identified struct {
	Kind       wire.CredentialKind
	Seq        uint64           // of the Identify it answers
	Outcome    Outcome          //
	Credential *wire.Credential // of Known; nobody may change it any more
	Tag        [8]byte          // of an Unknown card: the start of its tag. Zero for a PIN
}

// An Outcome is what the worker found.
type Outcome uint8

// The outcomes of an Identify.
const (
	Known        Outcome = iota + 1 // the tag belongs to Credential
	Unknown                         // the tag belongs to nobody
	Damaged                         // the credentials could not be read
	KeyFailed                       // the key could not be used, or the derivation failed
	EpochChanged                    // the site's key changed meanwhile
	Enrolled                        // the card was handed to the controller
)

// Stored answers Append: the journal answers each batch once, in order. One
// that comes twice or unasked changes nothing.
type Stored struct {
	Batch uint64 // of the Append it answers
	Fault string // why its records are not stored; "": they are, durably
}

// Input says that an input has, or has taken on, a level. Relay sends the
// level of each input that is wired once at start, and debounced changes.
type Input struct {
	Name   InputName
	Active bool
}

// InputName names an input.
type InputName string

// The inputs.
const (
	InputExit   InputName = "exit-button" // active: pushed; opens when it becomes so after the start
	InputDoor   InputName = "door-open"   // active: the door is open
	InputTamper InputName = "tamper"      // active: the housing is open
)

// Command is an order of the controller. Whoever sends the event has checked
// its signature, reader, nonce and age, and that it was not carried out
// before; Step itself carries out each of the last 16 ids once. One that is
// refused before it gets here is a Refused.
type Command struct{ wire.Command }

// Refused says that a message of the controller was refused. It is recorded and changes
// nothing else.
type Refused struct {
	Message string        // kind of the message, as in its topic: "command", "policy"
	Reason  wire.Reason   //
	Command *wire.Command // if its payload could be read
}

// Health says how a part of the reader is. What it says holds until the next
// one about the same subject.
type Health struct {
	Subject   wire.Subject
	Condition Condition
	Text      string        // what is wrong, for people; no path, nothing secret
	Held      wire.Position // with wire.SubjectCache: what is durably on the disk; with Forked the position that does not match

	// Connection is the number of the connection on which the controller answers:
	// with wire.SubjectLink that is Good.
	Connection uint64
}

// Condition is how a part is.
type Condition uint8

// The conditions. Corrupt and Forked are of the cache only, Impaired of the
// touch, and of a cache that has no room for newer credentials.
const (
	NotKnown Condition = iota // not reported yet: counts as Good, except for the link
	Good                      //
	Failed                    //
	Corrupt                   // some credentials cannot be read; the rest can
	Forked                    // the controller's log does not match what is held
	Impaired                  // it works as far as it goes
)

// Tick says that time has passed.
type Tick struct{}

func (Presented) event()  {}
func (Identified) event() {}
func (Stored) event()     {}
func (Input) event()      {}
func (Command) event()    {}
func (Policy) event()     {}
func (Refused) event()    {}
func (Health) event()     {}
func (Tick) event()       {}
