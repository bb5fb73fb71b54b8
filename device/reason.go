package device

// A Reason is why something was not done, as it stands in a record and, for a
// card, may stand on the screen.
type Reason string

// The reasons.
const (
	ReasonNotSetUp Reason = "not set up"    // no valid policy
	ReasonNone     Reason = "none here"     // this board has nothing to type a PIN on, or no card reader
	ReasonOff      Reason = "off"           // PIN entry is off
	ReasonLockout  Reason = "locked out"    // PIN entry is
	ReasonPending  Reason = "pending"       // another PIN is being looked up
	ReasonTamper   Reason = "tamper"        // the housing is open
	ReasonUnstored Reason = "not stored"    // records cannot be stored
	ReasonBehind   Reason = "behind"        // credentials or policy are older than what was once held
	ReasonPanel    Reason = "panel"         // the display or its touch has failed
	ReasonNFC      Reason = "nfc"           // the card reader has failed
	ReasonUnknown  Reason = "unknown"       // nobody's
	ReasonEarly    Reason = "not yet valid" // before its first day
	ReasonExpired  Reason = "expired"       // after its last
	ReasonGroup    Reason = "group"         // none of its groups may open this door
	ReasonSchedule Reason = "schedule"      // its groups may, but not now
	ReasonClock    Reason = "clock"         // it depends on a time that is not known
	ReasonDamaged  Reason = "damaged"       // the credentials could not be read
	ReasonKey      Reason = "key"           // the key could not be used
	ReasonEpoch    Reason = "epoch"         // the site's key changed meanwhile
	ReasonNoAnswer Reason = "no answer"     // within ten seconds
	ReasonWait     Reason = "wait"          // too many unknown cards
	ReasonNoCard   Reason = "no card"       // none was shown for enrolment
	ReasonNoHold   Reason = "no hold"       // nothing to release
	ReasonOver     Reason = "over"          // a hold's time is
	ReasonRelease  Reason = "release"       // a hold was released
	ReasonRestart  Reason = "restart"       // a hold's end is not known any more
	ReasonNew      Reason = "new"           // a reader's first journal
)
