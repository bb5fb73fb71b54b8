package sim

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Memory is what the chip of a card keeps without power: keys, applications,
// files and fail counters. One board at a time uses it; its methods may be called
// meanwhile. It marshals to JSON and back.
type Memory struct {
	kind Kind
	uid  []byte

	mu      sync.Mutex // guards everything below
	opts    ChipOptions
	picc    *application // the PICC level: one key, no files
	apps    []*application
	used    int // bytes of memory given away; deleting frees none
	tear    Tear
	refused []string
}

// application is one application, or the PICC level.
type application struct {
	AID      hexBytes // as transmitted
	Settings byte
	Type     keyType // of its keys
	Keys     []*cardKey
	ISOFiles bool     // files have ISO identifiers
	DFName   hexBytes // its name for ISO select
	Files    []*cardFile
}

type cardKey struct {
	Value   hexBytes
	Version byte
	// Fails counts what was not made good by successes, FailsInARow failures
	// since the last success, and Delays how many commands were refused for them.
	Fails, FailsInARow, Delays int
}

// cardFile is a standard data file.
type cardFile struct {
	Number byte
	ISO    hexBytes // its ISO identifier, if any
	Option byte     // how it is read and written, and what else it does
	Rights [2]byte  // as transmitted
	Extra  hexBytes // the rest of the settings, which this package does not understand
	Data   hexBytes
}

// hexBytes are bytes that are hex in JSON.
type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, b), nil
}

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

// NewMemory is that of a card fresh from the factory.
func NewMemory(kind Kind, uid []byte) (*Memory, error) {
	m := &Memory{kind: kind, uid: slices.Clone(uid)}
	if err := m.checkCard(); err != nil {
		return nil, err
	}
	if kind == NTAG424 {
		m.picc, m.apps = &application{AID: make([]byte, 3), Type: typeAES}, []*application{newNTAG424()}
	} else {
		m.picc = newApplication([]byte{0, 0, 0}, 0x0F, typeDES, 1)
	}
	return m, nil
}

func (m *Memory) checkCard() error {
	if m.kind < D40 || m.kind > NTAG424 {
		return fmt.Errorf("sim: a card of kind %v has no memory", m.kind)
	}
	if len(m.uid) != 7 {
		return fmt.Errorf("sim: the UID of a %v has 7 bytes, not %d", m.kind, len(m.uid))
	}
	return nil
}

func newApplication(aid []byte, settings byte, t keyType, keys int) *application {
	a := &application{AID: slices.Clone(aid), Settings: settings, Type: t}
	for range keys {
		a.Keys = append(a.Keys, &cardKey{Value: make([]byte, t.size())})
	}
	return a
}

// Kind is the kind of the card.
func (m *Memory) Kind() Kind { return m.kind }

// UID is the identifier of the card.
func (m *Memory) UID() []byte { return slices.Clone(m.uid) }

// storedMemory is how a Memory is written down.
type storedMemory struct {
	Kind Kind
	UID  hexBytes
	PICC *application
	Apps []*application
	Used int
}

// MarshalJSON gives all that the card keeps. Its keys are in it.
func (m *Memory) MarshalJSON() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return json.Marshal(storedMemory{m.kind, m.uid, m.picc, m.apps, m.used})
}

// UnmarshalJSON takes what MarshalJSON gave. The card must not lie on a board.
func (m *Memory) UnmarshalJSON(text []byte) error {
	var s storedMemory
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("memory of a card: %w", err)
	}
	read := &Memory{kind: s.Kind, uid: s.UID, picc: s.PICC, apps: s.Apps, used: s.Used}
	if err := read.check(); err != nil {
		return fmt.Errorf("memory of a card: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kind, m.uid, m.picc, m.apps, m.used = read.kind, read.uid, read.picc, read.apps, read.used
	return nil
}

// check finds what no card can hold.
func (m *Memory) check() error {
	if err := m.checkCard(); err != nil {
		return err
	}
	keys := 1
	if m.kind == NTAG424 {
		keys = 0
	}
	if m.picc == nil || len(m.picc.Keys) != keys || len(m.picc.Files) > 0 || m.used < 0 || m.used > chipMemory {
		return fmt.Errorf("the PICC level of a %v is wrong", m.kind)
	}
	if m.kind == NTAG424 && (len(m.apps) != 1 || m.apps[0] == nil || len(m.apps[0].Keys) != 5 || m.apps[0].Type != typeAES) {
		return fmt.Errorf("a %v has one application with 5 AES keys", m.kind)
	}
	for _, a := range append([]*application{m.picc}, m.apps...) {
		if a == nil || len(a.AID) != 3 || len(a.Keys) > 14 || a != m.picc && len(a.Keys) == 0 ||
			a.Type != typeDES && a.Type != type3K3DES && a.Type != typeAES {
			return fmt.Errorf("an application is wrong")
		}
		for _, k := range a.Keys {
			if k == nil || len(k.Value) != a.Type.size() {
				return fmt.Errorf("application %X: a key is wrong", a.AID)
			}
		}
		for _, f := range a.Files {
			if f == nil || len(f.Data) > chipMemory || len(f.ISO) != 0 && len(f.ISO) != 2 {
				return fmt.Errorf("application %X: a file is wrong", a.AID)
			}
		}
	}
	return nil
}
