package sync

import "latchkey/sync/wire"

// An Event is something that happened to the link. It is one of Connected,
// Disconnected, Message, Report, Recorded, Damaged, Card, Cached, PolicyStored,
// RecordsRead, RecordsTrimmed and Tick.
type Event interface{ event() }

// Connected says that a connection is up, with Link.Will of its number as its
// will, and subscribed to Link.Topics.
type Connected struct{ Number uint64 }

// Disconnected says that the connection is lost.
type Disconnected struct{ Why string }

// Message is a message that the broker delivered.
type Message struct {
	Topic    string
	Payload  []byte // must not be changed any more
	Retained bool   // MQTT's retain flag is set
}

// Report is the condition of the reader and its door, and the revision of the policy that
// is in force there; 0: none is. No state is published before the first one.
type Report struct {
	wire.Condition
	Policy uint64
}

// Recorded says that there are new records in the journal.
type Recorded struct{}

// Damaged says that the cache has found damage.
type Damaged struct{}

// Card is a card that a command asked for, sealed to the controller.
type Card struct {
	wire.CardRead
	Keys bool // of a personalise: the controller answers with the card's keys
}

// Cached answers Resume, Survey, Apply, PutKey, Begin and PutChunks.
type Cached struct {
	CacheState
	Switched bool  // the cache has switched to another snapshot
	Resumed  bool  // by Resume: Missing is a snapshot that is still being received
	Err      error // why the action failed; wraps wire.ErrForked or wire.ErrUnfit if it was not the disk
}

// CacheState is the state of the cache.
type CacheState struct {
	Held          wire.Position // epoch 0: nothing
	Fault         error         // what is wrong with it; nil: nothing
	WantsSnapshot bool
	Missing       wire.Position // the snapshot of which Chunks are missing
	Chunks        []int         // ascending, the first chunkLimit of them
}

// PolicyStored answers StorePolicy.
type PolicyStored struct {
	Policy *wire.VerifiedPolicy
	Err    error
}

// RecordsRead answers ReadRecords.
type RecordsRead struct {
	Backlog
	Entries []wire.StoredRecord
	Err     error // of reading beyond Entries
}

// RecordsTrimmed answers TrimRecords.
type RecordsTrimmed struct {
	Backlog
	Err error // wraps wire.ErrUnfit if the journal does not hold that record with that hash
}

// Backlog is the range of records that the journal holds.
type Backlog struct {
	Journal wire.JournalID
	First   uint64 // number of the oldest record
	Last    uint64 // of the newest; 0: there is none
}

// Tick says that time has passed.
type Tick struct{}

func (Connected) event()      {}
func (Disconnected) event()   {}
func (Message) event()        {}
func (Report) event()         {}
func (Recorded) event()       {}
func (Damaged) event()        {}
func (Card) event()           {}
func (Cached) event()         {}
func (PolicyStored) event()   {}
func (RecordsRead) event()    {}
func (RecordsTrimmed) event() {}
func (Tick) event()           {}
