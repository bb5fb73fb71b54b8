package wire

// A RecordKind says what happened.
type RecordKind string

// The kinds of records. Each has a row in recordKinds.
const (
	Checkpoint         RecordKind = "checkpoint"          // opens a segment: State is the fold so far
	AttemptStarted     RecordKind = "attempt.started"     // a PIN entry is charged: Seq
	AttemptUnknown     RecordKind = "attempt.unknown"     // Seq was no known PIN: Wrong, Reason ReasonNoAnswer or none
	AttemptTakenBack   RecordKind = "attempt.taken-back"  // Seq is not counted: Reason, Credential and User if known
	AttemptInterrupted RecordKind = "attempt.interrupted" // Seq was pending at a start and counts as unknown: Wrong
	AccessGranted      RecordKind = "access.granted"      // By; Seq of a PIN; Credential, User; Seconds
	LockoutStarted     RecordKind = "lockout.started"     // Cause; Users that reset the row meanwhile
	LockoutCleared     RecordKind = "lockout.cleared"     // ByCard or ByRemote; Credential, User or Command, Who; Count of guesses that it leaves: at most, or just so many after a lost journal
	HoldStarted        RecordKind = "hold.started"        // Seconds, Command, Who
	HoldEnded          RecordKind = "hold.ended"          // Reason ReasonOver, ReasonRelease, ReasonTamper, ReasonRestart; Command, Who of a release
	CredentialsApplied RecordKind = "credentials.applied" // Epoch, Revision, Hash
	PolicyApplied      RecordKind = "policy.applied"      // PolicyRevision
	Adopted            RecordKind = "reader.adopted"      // by a site: Site, Epoch, Revision, PolicyRevision
	ReaderStarted      RecordKind = "reader.started"      // Version
	JournalBegan       RecordKind = "journal.began"       // Reason ReasonNew, or what was wrong with the one set aside
	JournalResumed     RecordKind = "journal.resumed"     // stored again after Count appends were not, for Text: State is the fold so far
	ClockTrusted       RecordKind = "clock.trusted"       //
	ClockUntrusted     RecordKind = "clock.untrusted"     //
	ClockStepped       RecordKind = "clock.stepped"       // a trusted clock was set, by more than a minute: From, To
	AccessDenied       RecordKind = "access.denied"       // ByCard, Reason; Credential, User, or the start of an unknown Tag
	PINRefused         RecordKind = "pin.refused"         // presented while it cannot be used: Reason
	ExitPressed        RecordKind = "exit.pressed"        // the exit button; Seconds, or Reason if it did not open
	DoorOpened         RecordKind = "door.opened"         //
	DoorClosed         RecordKind = "door.closed"         //
	DoorForced         RecordKind = "door.forced"         // opened with neither strike nor exit
	DoorHeld           RecordKind = "door.held"           // open for longer than the policy says: Seconds
	TamperStarted      RecordKind = "tamper.started"      //
	TamperEnded        RecordKind = "tamper.ended"        //
	CommandDone        RecordKind = "command.done"        // Command, Order, Who: carried out, but neither unlock nor hold
	CommandRefused     RecordKind = "command.refused"     // Command, Order, Who; Reason, or what else was wrong with it
	CacheDamaged       RecordKind = "cache.damaged"       // Text says where
	CacheBehind        RecordKind = "cache.behind"        // Epoch, Revision: less than was once held
	LogForked          RecordKind = "log.forked"          // Epoch, Revision, Hash that does not match what is held
	RecordsDropped     RecordKind = "records.dropped"     // First, Last and the Hash of the last one
	LinkUp             RecordKind = "link.up"             // Count: the number of the connection
	LinkDown           RecordKind = "link.down"           //
	HealthChanged      RecordKind = "health.changed"      // Subject, TextGood or what is wrong
	MessageRefused     RecordKind = "message.refused"     // Subject is the Channel that it came on; Reason, or what else was wrong with it
	EventsCollapsed    RecordKind = "events.collapsed"    // Count more of the RecordKind Subject within a minute
)

// A RecordClass is what people look for a record under.
type RecordClass string

// The classes.
const (
	ClassGranted     RecordClass = "granted"
	ClassDenied      RecordClass = "denied"
	ClassLockout     RecordClass = "lockout"
	ClassDoor        RecordClass = "door"
	ClassReader      RecordClass = "reader"
	ClassAlarm       RecordClass = "alarm"
	ClassBookkeeping RecordClass = "quiet" // of the reader: listed only for those who ask for the kind
)

// recordKinds says of each kind which class it is in, and whether it is expendable.
var recordKinds = [...]struct {
	kind       RecordKind
	class      RecordClass
	expendable bool
}{
	{Checkpoint, ClassBookkeeping, false},
	{AttemptStarted, ClassBookkeeping, false},
	{AttemptUnknown, ClassDenied, false},
	{AttemptTakenBack, ClassDenied, false},
	{AttemptInterrupted, ClassDenied, false},
	{AccessGranted, ClassGranted, false},
	{LockoutStarted, ClassLockout, false},
	{LockoutCleared, ClassLockout, false},
	{HoldStarted, ClassDoor, false},
	{HoldEnded, ClassDoor, false},
	{CredentialsApplied, ClassBookkeeping, false},
	{PolicyApplied, ClassBookkeeping, false},
	{Adopted, ClassReader, false},
	{ReaderStarted, ClassReader, false},
	{JournalBegan, ClassReader, false},
	{JournalResumed, ClassBookkeeping, false},
	{ClockTrusted, ClassReader, true},
	{ClockUntrusted, ClassReader, true},
	{ClockStepped, ClassAlarm, false},
	{AccessDenied, ClassDenied, true},
	{PINRefused, ClassDenied, true},
	{ExitPressed, ClassDoor, true},
	{DoorOpened, ClassDoor, true},
	{DoorClosed, ClassDoor, true},
	{DoorForced, ClassAlarm, false},
	{DoorHeld, ClassAlarm, false},
	{TamperStarted, ClassAlarm, false},
	{TamperEnded, ClassAlarm, false},
	{CommandDone, ClassReader, false},
	{CommandRefused, ClassReader, false},
	{CacheDamaged, ClassAlarm, false},
	{CacheBehind, ClassAlarm, false},
	{LogForked, ClassAlarm, false},
	{RecordsDropped, ClassAlarm, false},
	{LinkUp, ClassReader, true},
	{LinkDown, ClassReader, true},
	{HealthChanged, ClassReader, true},
	{MessageRefused, ClassReader, true},
	{EventsCollapsed, ClassReader, true},
}

// Class returns the class of a kind: ClassReader if it is of a newer reader.
func (k RecordKind) Class() RecordClass {
	for _, row := range recordKinds {
		if row.kind == k {
			return row.class
		}
	}
	return ClassReader
}

// Expendable says whether a full journal drops the record before others: nobody needed
// a right, was charged or broke something for it to be made. Anybody at the door can
// cause it without end, or it comes and goes by itself.
func (r *Record) Expendable() bool {
	for _, row := range recordKinds {
		if row.kind == r.Kind {
			return row.expendable && r.Credential == 0
		}
	}
	return false
}
