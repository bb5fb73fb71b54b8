package wire

// A Reason is why something was not done, or why it ended. Programs interpret and
// translate only the following ones; RecordKind says where a record may hold other
// texts.
type Reason string

// The reasons.
const (
	ReasonNotSetUp    Reason = "not set up"          // no valid policy
	ReasonNone        Reason = "none here"           // this board has no touchscreen, or no card reader
	ReasonOff         Reason = "off"                 // PIN entry is off
	ReasonLockout     Reason = "locked out"          // PIN entry is locked out
	ReasonPending     Reason = "pending"             // another PIN is being looked up
	ReasonTamper      Reason = "tamper"              // the housing is open
	ReasonUnstored    Reason = "not stored"          // records cannot be stored
	ReasonBehind      Reason = "behind"              // credentials or policy are older than before
	ReasonPanel       Reason = "panel"               // the display or its touch has failed
	ReasonNFC         Reason = "nfc"                 // the card reader has failed
	ReasonUnknown     Reason = "unknown"             // no credential has this tag
	ReasonEarly       Reason = "not yet valid"       // before its first day
	ReasonExpired     Reason = "expired"             // after its last day
	ReasonGroup       Reason = "group"               // none of its groups may open this door
	ReasonSchedule    Reason = "schedule"            // its groups may open this door, but not now
	ReasonClock       Reason = "clock"               // it depends on a time that is not known
	ReasonDamaged     Reason = "damaged"             // credentials or records could not be read
	ReasonKey         Reason = "key"                 // the key could not be used
	ReasonEpoch       Reason = "epoch"               // the site's key changed during the look-up
	ReasonNoAnswer    Reason = "no answer"           // within ten seconds
	ReasonWait        Reason = "wait"                // too many unknown cards
	ReasonNotGenuine  Reason = "not genuine"         // a card has the UID of a card that proves itself, and did not
	ReasonCardGone    Reason = "card gone"           // it was taken away too early
	ReasonUnproven    Reason = "cannot prove itself" // a card that may be a copy, where the policy wants proof
	ReasonForeignKeys Reason = "foreign keys"        // the card to personalise has keys of somebody else
	ReasonUnsuitable  Reason = "unsuitable card"     // the card to personalise cannot prove itself
	ReasonDeclined    Reason = "declined"            // the controller has no keys for the card to personalise
	ReasonNoCard      Reason = "no card"             // none was presented for enrolment
	ReasonNew         Reason = "new"                 // a reader's first journal
	ReasonStale       Reason = "stale"               // an order's nonce is neither of the last two, or too old: order again with the newest
	ReasonTerm        Reason = "older term"          // of a controller that leads no more: a newer one has been heard
	ReasonBusy        Reason = "busy"                // too many orders within a minute
	ReasonWithheld    Reason = "withheld"            // the site gives the PIN key only to readers with a TPM
	ReasonSpent       Reason = "spent"               // the TPM has checked as many PINs as it may
	ReasonLocked      Reason = "locked"              // the mode is locked, and none of its groups exempt
	ReasonUsedUp      Reason = "used up"             // a PIN with limits has reached one
	ReasonForgotten   Reason = "forgotten"           // the reader no longer knows how often the PIN was used
	ReasonSecond      Reason = "no second proof"     // it did not come within 15 s, or cannot be given
	ReasonAnother     Reason = "another person"      // the second proof is another person's than the first
	ReasonLockdown    Reason = "lockdown"            // the mode is lockdown, and none of its groups exempt; or what it excludes
)

// Means are how somebody asked to open the door.
type Means string

// The means.
const (
	ByPIN    Means = "pin"
	ByCard   Means = "card"
	ByBoth   Means = "card and pin" // two proofs, in either order
	ByRemote Means = "remote"       // an unlock command
)

// A Subject is a part of a reader that may be at fault.
type Subject string

// The subjects.
const (
	SubjectCache    Subject = "cache"    // the credentials on the disk
	SubjectPanel    Subject = "panel"    // the display
	SubjectTouch    Subject = "touch"    // its touch
	SubjectNFC      Subject = "nfc"      // the card reader
	SubjectRelay    Subject = "relay"    // the strike and the inputs
	SubjectKey      Subject = "key"      // the epoch's keys, in a file or a TPM
	SubjectLink     Subject = "link"     // the controller answers
	SubjectJournal  Subject = "journal"  // records are stored
	SubjectData     Subject = "data"     // where the reader keeps all this
	SubjectAdoption Subject = "adoption" // the newest bundle is taken over
	SubjectState    Subject = "state"    // the reader's condition fits a message
)

// TextGood is the text of a record of a part that works again.
const TextGood = "ok"
