package desk

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// drawnPINs remember which PINs were drawn for whom: these nobody has chosen. They hold no PIN,
// but codes of them under a key that this process alone has. The zero value is none.
type drawnPINs struct {
	mu    sync.Mutex
	key   []byte
	drawn map[[sha256.Size]byte]time.Time // when, by code
}

// Limits of what is remembered.
const (
	maxDrawn   = 1000
	drawnStays = 10 * time.Minute
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
		p.drawn = map[[sha256.Size]byte]time.Time{}
	}
	for code, at := range p.drawn {
		if len(p.drawn) >= maxDrawn || !recent(now, at) {
			delete(p.drawn, code)
		}
	}
	p.drawn[p.code(a, digits)] = now
}

// has says whether a PIN was drawn for an actor a short time ago.
func (p *drawnPINs) has(a Actor, now time.Time, digits []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, is := p.drawn[p.code(a, digits)]
	return is && recent(now, at)
}

// recent says whether a PIN that was drawn at a time is remembered. The clock may be set.
func recent(now, at time.Time) bool { return now.Sub(at).Abs() < drawnStays }
