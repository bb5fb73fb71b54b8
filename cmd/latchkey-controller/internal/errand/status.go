package errand

import (
	"bytes"
	"compress/flate"
	"io"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/sync/wire"
)

// maxUnpacked bounds a status, in bytes: ten thousand readers need about 4 MiB.
const maxUnpacked = 32 << 20

// A live is what the leader knows of readers and brokers.
type live struct {
	Readers []reader `cbor:"1,keyasint"`
	Brokers []broker `cbor:"2,keyasint"`
}

// A reader is a link.ReaderStatus.
type reader struct {
	ID      string      `cbor:"1,keyasint"`
	Door    string      `cbor:"2,keyasint,omitempty"`
	Online  bool        `cbor:"3,keyasint,omitempty"`
	Awaited bool        `cbor:"4,keyasint,omitempty"`
	Heard   int64       `cbor:"5,keyasint,omitempty"` // Unix milliseconds; 0: never
	State   *wire.State `cbor:"6,keyasint,omitempty"`
	Broker  string      `cbor:"7,keyasint,omitempty"`
	Current bool        `cbor:"8,keyasint,omitempty"`
	Behind  int64       `cbor:"9,keyasint,omitempty"` // Unix seconds; 0: it is not
}

// A broker is a link.BrokerStatus.
type broker struct {
	URL   string `cbor:"1,keyasint"`
	Up    bool   `cbor:"2,keyasint,omitempty"`
	Since int64  `cbor:"3,keyasint,omitempty"` // Unix milliseconds; 0: zero
	Why   string `cbor:"4,keyasint,omitempty"`
}

// pack returns what is known of readers and brokers as it is sent.
func pack(readers []link.ReaderStatus, brokers []link.BrokerStatus) ([]byte, error) {
	l := live{make([]reader, len(readers)), make([]broker, len(brokers))}
	for i, r := range readers {
		l.Readers[i] = reader{r.ID, r.Door, r.Online, r.Awaited, milliseconds(r.Heard), nil, r.Broker, r.Current, 0}
		if !r.Behind.IsZero() {
			l.Readers[i].Behind = max(1, r.Behind.Unix())
		}
		if r.State != nil { // without what only the link needs, and what does not compress
			s := *r.State
			s.Nonce, s.Head, s.Card = wire.Nonce{}, nil, nil
			l.Readers[i].State = &s
		}
	}
	for i, b := range brokers {
		l.Brokers[i] = broker{b.URL, b.Up, milliseconds(b.Since), plain(b.Why)}
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(wire.Marshal(&l))
	}
	if err == nil {
		err = w.Close()
	}
	return packed.Bytes(), err
}

// unpack is the reverse of pack.
func unpack(packed []byte) (readers []link.ReaderStatus, brokers []link.BrokerStatus, err error) {
	unpacked, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxUnpacked+1))
	if err != nil {
		return nil, nil, err
	}
	var l live
	if err := wire.Unmarshal(unpacked, maxUnpacked, &l); err != nil {
		return nil, nil, err
	}
	readers, brokers = make([]link.ReaderStatus, len(l.Readers)), make([]link.BrokerStatus, len(l.Brokers))
	for i, r := range l.Readers {
		readers[i] = link.ReaderStatus{ID: r.ID, Door: r.Door, Online: r.Online, Awaited: r.Awaited, Heard: moment(r.Heard), State: r.State, Broker: r.Broker, Current: r.Current}
		if r.Behind != 0 {
			readers[i].Behind = time.Unix(r.Behind, 0)
		}
	}
	for i, b := range l.Brokers {
		brokers[i] = link.BrokerStatus{URL: b.URL, Up: b.Up, Since: moment(b.Since), Why: b.Why}
	}
	return readers, brokers, nil
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(0, t.UnixMilli())
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
