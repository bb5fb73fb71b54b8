package wire

import (
	"crypto"
	"errors"
	"fmt"
)

// MaxRecords is the most records of one message.
const MaxRecords = 256

// Records are a run of a reader's journal for the controller, signed by the reader
// as KindRecords.
type Records struct {
	Reader  string    `cbor:"1,keyasint"`
	Journal JournalID `cbor:"2,keyasint"`
	First   uint64    `cbor:"3,keyasint"` // number of the oldest record that the reader still holds
	Records [][]byte  `cbor:"4,keyasint"` // each as encoded, in ascending order
}

// Sign checks the records and returns them signed.
func (r *Records) Sign(site SiteID, key crypto.Signer) ([]byte, error) {
	return sign(KindRecords, site, r, key)
}

// OpenRecords checks signed records and returns them.
func OpenRecords(site SiteID, signed []byte, key crypto.PublicKey) (*Records, error) {
	var r Records
	if err := open(KindRecords, site, signed, key, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// Check refuses records that are wrongly encoded or out of order, and neighbours
// that are not chained.
func (r *Records) Check() error {
	if err := CheckName(r.Reader); err != nil {
		return err
	}
	switch {
	case r.Journal == JournalID{} || r.First == 0:
		return errors.New("no journal or first number")
	case len(r.Records) == 0 || len(r.Records) > MaxRecords:
		return fmt.Errorf("%d records, not 1 to %d", len(r.Records), MaxRecords)
	}
	var last uint64
	for i, b := range r.Records {
		record, err := ParseRecord(b)
		if err != nil {
			return err
		}
		switch {
		case record.Number < r.First || record.Number <= last:
			return fmt.Errorf("record %d is out of order", record.Number)
		case i > 0 && record.Number == last+1 && record.Before != Sum(r.Records[i-1]):
			return fmt.Errorf("record %d does not follow record %d", record.Number, last)
		}
		last = record.Number
	}
	return nil
}
