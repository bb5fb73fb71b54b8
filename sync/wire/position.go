package wire

import "errors"

// A Position is a point in the credential log: after Revision changes of an epoch. As
// a message, signed as KindHead, it is the end of the controller's log.
type Position struct {
	Epoch    uint64 `cbor:"1,keyasint"` // from 1
	Revision uint64 `cbor:"2,keyasint"`
	Hash     Hash   `cbor:"3,keyasint"` // h(Revision)
}

// Above says that p is later in the credential log than other.
func (p Position) Above(other Position) bool {
	return p.Epoch > other.Epoch || p.Epoch == other.Epoch && p.Revision > other.Revision
}

// ErrForked says that what came belongs to another history than what is held.
var ErrForked = errors.New("another history than what is held: a snapshot is needed")

// ErrUnfit says that what came is valid but does not fit what is held: it is too old,
// was not asked for, or belongs to another journal.
var ErrUnfit = errors.New("does not fit what is held")

// Check refuses a position that no log has.
func (p *Position) Check() error {
	switch {
	case p.Epoch == 0:
		return errors.New("no epoch")
	case p.Revision == 0 && p.Hash != Start(p.Epoch):
		return errors.New("revision 0 with another hash than its epoch's")
	}
	return nil
}
