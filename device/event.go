package device

import (
	"time"

	"latchkey/sync/wire"
)

// Now is the time of a call of Step.
type Now struct {
	Monotonic time.Duration // CLOCK_BOOTTIME, counted from any fixed point of this start
	Wall      time.Time     // the clock for schedules and records
	Trusted   bool          // Wall can be trusted
}

// An Event is something that happened to the reader. It is one of Presented,
// Identified, Progress, Stored, Input, Command, Policy, Health, Waiting, Seen, Refused and Tick.
type Event interface{ event() }

// Presented says that the loop's slot of a kind now holds a whole PIN or a card.
// Step answers it with exactly one Identify or Forget of that kind.
type Presented struct{ Kind wire.CredentialKind }

// Identified answers Identify. A late, repeated or unexpected one has no effect.
type Identified struct {
	Kind       wire.CredentialKind
	Seq        uint64           // of the Identify it answers
	Outcome    Outcome          //
	Credential *wire.Credential // of Known and NotGenuine; must not be changed any more
	Proven     bool             // a Known card has proved that it has its credential's CardKey
	Tag        [8]byte          // of an Unknown card: the start of its tag. Zero for a PIN
}

// An Outcome is what the worker found.
type Outcome uint8

// The outcomes of an Identify.
const (
	Known        Outcome = iota + 1 // the tag belongs to Credential
	Unknown                         // the tag belongs to no credential
	Damaged                         // the credentials could not be read
	KeyFailed                       // the key could not be used, or the derivation failed
	EpochChanged                    // the site's key changed during the look-up
	Enrolled                        // the card was sealed to the controller
	NotGenuine                      // the card has the UID of Credential, and not its CardKey
	CardGone                        // the card was taken away before it had proved itself, or had all its keys
	Personalised                    // the card has its keys, and has proved it
	ForeignKeys                     // the card has neither keys of the site nor the factory's
	Unsuitable                      // the card cannot have keys
	Declined                        // the controller has no keys for the card
	Unanswered                      // the controller cannot be asked for keys, or does not answer
)

// Progress says how many steps of a personalisation are done.
type Progress struct {
	Seq      uint64 // of its Identify
	Done, Of uint8
}

// Stored answers Append: the journal answers each batch once, in order. A
// repeated or unexpected answer has no effect.
type Stored struct {
	Batch uint64 // of the Append it answers
	Fault string // why its records are not stored; "": they are stored durably
}

// Input is the level of an input. Package relay sends the level of each wired
// input once at the start, and then its debounced changes.
type Input struct {
	Name   InputName
	Active bool
}

// InputName names an input.
type InputName string

// The inputs.
const (
	InputExit   InputName = "exit-button" // active: pushed; opens the door when pushed after the start
	InputDoor   InputName = "door-open"   // active: the door is open
	InputTamper InputName = "tamper"      // active: the housing is open
	InputFire   InputName = "fire"        // active: the fire alarm; everybody may leave
)

// Command is an order of the controller. The sender has checked its signature,
// reader, nonce and age, and that it is not a repetition; Step ignores one that
// repeats any of the last 16 ids. A command refused earlier is a Refused.
type Command struct{ wire.Command }

// Refused says that a message of the controller was refused. It is recorded and changes
// nothing else.
type Refused struct {
	Message string        // kind of the message, as in its topic: "command", "policy"
	Reason  wire.Reason   //
	Command *wire.Command // if its payload could be read
}

// Health is the condition of a part of the reader, until the next Health about
// the same subject.
type Health struct {
	Subject   wire.Subject
	Condition Condition
	Text      string        // what is wrong, for people; no path, nothing secret
	Held      wire.Position // with wire.SubjectCache: what is durably on the disk; with Forked the position that does not match

	// Connection is the number of the connection on which the controller answers;
	// set with wire.SubjectLink and Good.
	Connection uint64

	// PIN is why no PIN can be checked although cards can, and TPM what is known of the TPM
	// that has the keys; both with wire.SubjectKey.
	PIN wire.Reason
	TPM wire.TPMState
}

// Condition is the condition of a part.
type Condition uint8

// The conditions. Corrupt and Forked apply to the cache only, Impaired to the touch, to
// a cache without room for newer credentials, and to keys without that of PINs.
const (
	NotKnown Condition = iota // not reported yet: counts as Good, except for the link
	Good                      //
	Failed                    //
	Corrupt                   // some credentials cannot be read; the rest can
	Forked                    // the controller's log does not match what is held
	Impaired                  // it works in part
)

// Tick says that time has passed.
type Tick struct{}

func (Presented) event()  {}
func (Identified) event() {}
func (Progress) event()   {}
func (Stored) event()     {}
func (Input) event()      {}
func (Command) event()    {}
func (Policy) event()     {}
func (Refused) event()    {}
func (Health) event()     {}
func (Tick) event()       {}
