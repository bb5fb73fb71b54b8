package sync

import "latchkey/sync/wire"

// An Event is something that happened to the link. It is one of Connected,
// Disconnected, Message, Report, Recorded, Damaged, Card, Cached, PolicyStored,
// RecordsRead, RecordsTrimmed and Tick.
type Event interface{ event() }

// Connected says that there is a connection, with the will that Link.Will
// returned for its number, and that it is subscribed to Link.Topics.
type Connected struct{ Number uint64 }

// Disconnected says that the connection is gone.
type Disconnected struct{ Why string }

// Message is what the broker delivered.
type Message struct {
	Topic    string
	Payload  []byte // nobody may change it any more
	Retained bool   // MQTT's retain flag is set
}

// Report says how the reader and its door now are. Before the first one no
// state is published.
type Report struct{ wire.Condition }

// Recorded says that there are new records in the journal.
type Recorded struct{}

// Damaged says that the cache has found a part of itself damaged.
type Damaged struct{}

// Card is a card that an enrol asked for, on its way to the controller.
type Card struct{ wire.CardRead }

// Cached answers Resume, Survey, Apply, PutKey, Begin and PutChunks.
type Cached struct {
	CacheState
	Switched bool  // what is held is another snapshot now
	Resumed  bool  // by Resume: Missing is a snapshot that goes on being received
	Err      error // what was not done; wraps wire.ErrForked or wire.ErrUnfit if the disk is not to blame
}

// CacheState is how the cache is.
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
	Err     error // of reading on after Entries
}

// RecordsTrimmed answers TrimRecords.
type RecordsTrimmed struct {
	Backlog
	Err error // wraps wire.ErrUnfit if that record is not held with that hash
}

// Backlog is what the journal holds.
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
