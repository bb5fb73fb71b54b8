package wire

// A RecordKind says what happened.
type RecordKind string

// The kinds of records. Each has a row in recordKinds.
const (
	Checkpoint         RecordKind = "checkpoint"          // opens a segment: State
	AttemptStarted     RecordKind = "attempt.started"     // a PIN entry is charged: Seq
	AttemptUnknown     RecordKind = "attempt.unknown"     // Seq was no known PIN: Wrong, Reason ReasonNoAnswer or none
	AttemptTakenBack   RecordKind = "attempt.taken-back"  // Seq is not counted: Reason, Credential and User if known
	AttemptInterrupted RecordKind = "attempt.interrupted" // Seq was pending at a start and counts as unknown: Wrong
	AccessGranted      RecordKind = "access.granted"      // By; Seq if its PIN is looked up; Credential, of two proofs the second, User; Seconds
	ProofGiven         RecordKind = "proof.given"         // the first of two proofs: ByPIN with Seq, or ByCard; Credential, User
	UseCounted         RecordKind = "use.counted"         // of a PIN with limits, before the door opens: Seq unless it was the first of two proofs; Credential, User; Count: its uses here, Last: that of the last; From when it was Made, To its Until
	Duress             RecordKind = "duress"              // Seq is a PIN for duress, before anything else: Credential, User
	LockoutStarted     RecordKind = "lockout.started"     // Cause; Users whose PINs ended a row of wrong ones
	LockoutCleared     RecordKind = "lockout.cleared"     // ByCard or ByRemote; Credential, User or Command, Who; Count: the most guesses that it leaves, or exactly that many after a lost journal
	HoldStarted        RecordKind = "hold.started"        // of older readers: Seconds, Command, Who
	HoldEnded          RecordKind = "hold.ended"          // of older readers: Reason; Command, Who of a release
	ModeChanged        RecordKind = "mode.changed"        // another Mode is in force: PolicyRevision; Subject its ModeCause; Who and To, its end, of one that is wanted
	FirstPerson        RecordKind = "first.person"        // Credential, User: the schedule waits for nobody in [From, To)
	FireStarted        RecordKind = "fire.started"        // the input "fire" is active: the mode is evacuation
	FireEnded          RecordKind = "fire.ended"          // Mode: in force since
	CredentialsApplied RecordKind = "credentials.applied" // Epoch, Revision, Hash
	PolicyApplied      RecordKind = "policy.applied"      // PolicyRevision
	Adopted            RecordKind = "reader.adopted"      // by a site: Site, Epoch, Revision, PolicyRevision
	ReaderStarted      RecordKind = "reader.started"      // Version
	JournalBegan       RecordKind = "journal.began"       // Reason ReasonNew, or why the previous one was quarantined
	JournalResumed     RecordKind = "journal.resumed"     // stored again after Count appends were not, because of Text: State
	ClockTrusted       RecordKind = "clock.trusted"       //
	ClockUntrusted     RecordKind = "clock.untrusted"     //
	ClockStepped       RecordKind = "clock.stepped"       // a trusted clock was set, by more than a minute: From, To
	AccessDenied       RecordKind = "access.denied"       // By, Reason; Credential, User, or the start of an unknown Tag; of a copy also Epoch, Revision, the position held; after a wrong PIN as the second proof its Seq, Wrong
	PINRefused         RecordKind = "pin.refused"         // presented while no PIN can be used: Reason
	ExitPressed        RecordKind = "exit.pressed"        // the exit button; Seconds, or Reason if it did not open
	DoorOpened         RecordKind = "door.opened"         //
	DoorClosed         RecordKind = "door.closed"         //
	DoorForced         RecordKind = "door.forced"         // opened with neither strike nor exit
	DoorHeld           RecordKind = "door.held"           // open for longer than the policy says: Seconds
	TamperStarted      RecordKind = "tamper.started"      //
	TamperEnded        RecordKind = "tamper.ended"        //
	CommandDone        RecordKind = "command.done"        // Command, Order, Who: carried out, but no unlock
	CommandRefused     RecordKind = "command.refused"     // Command, Order, Who; Reason, or what else was wrong with it
	CacheDamaged       RecordKind = "cache.damaged"       // Text says where
	CacheBehind        RecordKind = "cache.behind"        // Epoch, Revision: below the highest ever held
	LogForked          RecordKind = "log.forked"          // Epoch, Revision, Hash: different from the cache's
	RecordsDropped     RecordKind = "records.dropped"     // First, Last and the Hash of the last one
	LinkUp             RecordKind = "link.up"             // Count: the number of the connection
	LinkDown           RecordKind = "link.down"           //
	HealthChanged      RecordKind = "health.changed"      // Subject, TextGood or what is wrong
	MessageRefused     RecordKind = "message.refused"     // Subject: its Channel; Reason, or what else was wrong with it
	EventsCollapsed    RecordKind = "events.collapsed"    // Count more of the RecordKind Subject within a minute
	BudgetGranted      RecordKind = "budget.granted"      // the TPM checks PINs until its count is Count
	BudgetCounted      RecordKind = "budget.counted"      // Count: the TPM's count at a start, with a pending attempt, unless the journal has the same
	BudgetSpent        RecordKind = "budget.spent"        // the TPM's count has reached its limit, Count: it checks no more PINs
	BudgetOverspent    RecordKind = "budget.overspent"    // the TPM has checked Count PINs that are not in the journal
)

// A RecordClass is the category under which people look for a record.
type RecordClass string

// The classes.
const (
	ClassGranted     RecordClass = "granted"
	ClassDenied      RecordClass = "denied"
	ClassLockout     RecordClass = "lockout"
	ClassDoor        RecordClass = "door"
	ClassReader      RecordClass = "reader"
	ClassAlarm       RecordClass = "alarm"
	ClassBookkeeping RecordClass = "quiet" // listed only if the kind is asked for
)

// recordKinds are the kinds with their classes, and whether they are expendable.
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
	{ProofGiven, ClassBookkeeping, false},
	{UseCounted, ClassBookkeeping, false},
	{Duress, ClassAlarm, false},
	{LockoutStarted, ClassLockout, false},
	{LockoutCleared, ClassLockout, false},
	{HoldStarted, ClassDoor, false},
	{HoldEnded, ClassDoor, false},
	{ModeChanged, ClassDoor, false},
	{FirstPerson, ClassDoor, false},
	{FireStarted, ClassAlarm, false},
	{FireEnded, ClassAlarm, false},
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
	{BudgetGranted, ClassReader, false},
	{BudgetCounted, ClassBookkeeping, false},
	{BudgetSpent, ClassAlarm, false},
	{BudgetOverspent, ClassAlarm, false},
}

// Class returns the class of a kind: ClassReader for one of a newer program.
func (k RecordKind) Class() RecordClass {
	for _, row := range recordKinds {
		if row.kind == k {
			return row.class
		}
	}
	return ClassReader
}

// Expendable returns whether a full journal drops the record before others: those that
// anybody at the door can cause without a right and without limit, or that come and go
// by themselves.
func (r *Record) Expendable() bool {
	for _, row := range recordKinds {
		if row.kind == r.Kind {
			return row.expendable && (r.Credential == 0 || r.Reason == ReasonUnproven)
		}
	}
	return false
}
