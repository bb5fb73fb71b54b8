package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"latchkey/board"
	"latchkey/device"
	"latchkey/sync/wire"
)

// page returns what a simulated board's page shows of the reader.
func (r *reader) page() board.Page {
	return board.Page{
		Name: func() string { return cmp.Or(r.recent.doorName(), r.config.Reader.ID, "Reader") },
		Controls: func() any {
			if r.instruments.keypad == nil {
				return []struct{}{}
			}
			return r.instruments.keypad.Controls()
		},
		Records: r.recent.lines,
	}
}

// recent keeps the newest records as text, and the name of the door.
type recent struct {
	mu    sync.Mutex
	texts []string
	door  string // as last shown; "": the reader has none yet
}

const recentRecords = 6

func (r *recent) add(action device.Append) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range action.Records {
		if record.Kind == wire.Duress { // the page is beside the door
			continue
		}
		r.texts = append(r.texts, recordText(&record))
	}
	if more := len(r.texts) - recentRecords; more > 0 {
		r.texts = slices.Delete(r.texts, 0, more)
	}
}

func (r *recent) shown(view *device.View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.door = view.Door
}

func (r *recent) doorName() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.door
}

func (r *recent) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

func recordText(record *wire.Record) string {
	parts := []string{string(record.Kind), string(record.Mode), string(record.By), string(record.Reason), string(record.Cause), record.Subject, record.Text}
	text := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
	if record.Wrong > 0 {
		text += fmt.Sprintf(" (%d wrong)", record.Wrong)
	}
	return text
}
