package desk

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"sync"
	"time"
)

// drawnPINs remember which PINs were drawn for whom: these nobody has chosen. They hold no PIN,
// but codes of them under a key that this process alone has. The zero value is none.
type drawnPINs struct {
	mu    sync.Mutex
	key   []byte
	drawn map[[sha256.Size]byte]drawing // by code
}

// A drawing is for whom a PIN was drawn, and when.
type drawing struct {
	actor int64
	at    time.Time
}

// Limits of what is remembered.
const (
	maxDrawn     = 1000
	maxDrawnEach = 100 // for one actor
	drawnStays   = 10 * time.Minute
)

// code returns the code of a PIN that was drawn for an actor.
func (p *drawnPINs) code(a Actor, digits []byte) (code [sha256.Size]byte) {
	if p.key == nil {
		p.key = make([]byte, sha256.Size)
		rand.Read(p.key)
	}
	mac := hmac.New(sha256.New, p.key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(a.ID)))
	mac.Write(digits)
	mac.Sum(code[:0])
	return code
}

// add remembers a PIN that was drawn for an actor.
func (p *drawnPINs) add(a Actor, now time.Time, digits []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn == nil {
		p.drawn = map[[sha256.Size]byte]drawing{}
	}
	maps.DeleteFunc(p.drawn, func(_ [sha256.Size]byte, d drawing) bool { return !recent(now, d.at) })
	own := 0
	var oldest [sha256.Size]byte // of the actor's own
	for code, d := range p.drawn {
		if d.actor == a.ID {
			if own++; own == 1 || d.at.Before(p.drawn[oldest].at) {
				oldest = code
			}
		}
	}
	if own >= maxDrawnEach {
		delete(p.drawn, oldest)
	}
	for code := range p.drawn {
		if len(p.drawn) < maxDrawn {
			break
		}
		delete(p.drawn, code)
	}
	p.drawn[p.code(a, digits)] = drawing{a.ID, now}
}

// has says whether a PIN was drawn for an actor a short time ago.
func (p *drawnPINs) has(a Actor, now time.Time, digits []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, is := p.drawn[p.code(a, digits)]
	return is && recent(now, d.at)
}

// recent says whether a PIN that was drawn at a time is remembered. The clock may be set.
func recent(now, at time.Time) bool { return now.Sub(at).Abs() < drawnStays }
