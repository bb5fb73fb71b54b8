package wire

import "fmt"

// A Cause is why PIN entry is locked out.
type Cause string

// The causes of a lockout.
const (
	CauseAttempts Cause = "attempts" // the limit of wrong PINs in a row
	CauseGuessing Cause = "guessing" // the limit of guesses
	CauseTamper   Cause = "tamper"   // the housing was opened
	CauseJournal  Cause = "journal"  // the journal was damaged or is gone
)

// A Record is an event at a reader. The journal sets Number and Before, which
// chain the records. The kind decides which other fields are set.
type Record struct {
	Number  uint64     `cbor:"1,keyasint"`           // from 1, without gaps within a journal
	Before  Hash       `cbor:"2,keyasint"`           // SHA-256 of record Number-1 as encoded; zero for the first
	Kind    RecordKind `cbor:"3,keyasint"`           //
	Time    int64      `cbor:"4,keyasint"`           // Unix milliseconds by the reader's clock
	Trusted bool       `cbor:"5,keyasint"`           // that clock can be trusted
	Running uint64     `cbor:"6,keyasint"`           // milliseconds the reader has run, in all starts together
	Seq     uint64     `cbor:"7,keyasint,omitempty"` // of an attempt

	Credential uint64   `cbor:"8,keyasint,omitempty"`
	User       uint64   `cbor:"9,keyasint,omitempty"`
	By         Means    `cbor:"10,keyasint,omitempty"`
	Reason     Reason   `cbor:"11,keyasint,omitempty"`
	Cause      Cause    `cbor:"12,keyasint,omitempty"`
	Wrong      uint16   `cbor:"13,keyasint,omitempty"` // wrong PINs in a row, including this one
	Seconds    uint32   `cbor:"14,keyasint,omitempty"`
	Users      []uint64 `cbor:"15,keyasint,omitempty"`
	Tag        []byte   `cbor:"16,keyasint,omitempty"` // the first 8 bytes of an unknown card's tag

	Command CommandID `cbor:"17,keyasint,omitzero"`
	Order   Order     `cbor:"18,keyasint,omitempty"`
	Who     string    `cbor:"19,keyasint,omitempty"` // who ordered it

	Site           SiteID `cbor:"20,keyasint,omitzero"`
	Epoch          uint64 `cbor:"21,keyasint,omitempty"`
	Revision       uint64 `cbor:"22,keyasint,omitempty"`
	Hash           Hash   `cbor:"23,keyasint,omitzero"`
	PolicyRevision uint64 `cbor:"24,keyasint,omitempty"`

	Subject string `cbor:"25,keyasint,omitempty"` // what it is about: a Subject, a Channel, a RecordKind
	Text    string `cbor:"26,keyasint,omitempty"`
	Count   uint64 `cbor:"27,keyasint,omitempty"`
	First   uint64 `cbor:"28,keyasint,omitempty"`
	Last    uint64 `cbor:"29,keyasint,omitempty"`
	Version string `cbor:"30,keyasint,omitempty"`
	State   []byte `cbor:"31,keyasint,omitempty"` // of a checkpoint and of journal.resumed: the encoded device.Durable

	From int64 `cbor:"32,keyasint,omitempty"` // Unix milliseconds
	To   int64 `cbor:"33,keyasint,omitempty"` // Unix milliseconds

	Mode Mode `cbor:"34,keyasint,omitempty"`
}

// A StoredRecord is a record as a journal holds it.
type StoredRecord struct {
	Number  uint64
	Hash    Hash // SHA-256 of Encoded
	Encoded []byte
}

// ValidTime returns whether a time is in the years 0 to 9999. ParseRecord refuses
// a record of any other time.
func ValidTime(milliseconds int64) bool { return minTime <= milliseconds && milliseconds < endTime }

// ParseRecord decodes an encoded record.
func ParseRecord(b []byte) (*Record, error) {
	var r Record
	if err := Unmarshal(b, MaxRecord, &r); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if r.Number == 0 || r.Kind == "" || len(r.Kind) > 32 || len(r.Tag) > 8 || !ValidTime(r.Time) || !ValidTime(r.From) || !ValidTime(r.To) {
		return nil, fmt.Errorf("record %d: not one that a reader writes", r.Number)
	}
	return &r, nil
}

// Encode returns the record's encoding, which ParseRecord can decode.
func (r *Record) Encode() ([]byte, error) {
	b := Marshal(r)
	if _, err := ParseRecord(b); err != nil {
		return nil, err
	}
	return b, nil
}
