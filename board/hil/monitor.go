package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// monitor speaks QEMU's machine protocol, QMP (docs/interop/qmp-spec.rst).
type monitor struct {
	conn    net.Conn
	answers chan answer

	mu     sync.Mutex
	events []string // their names, as they came
}

// answer is QEMU's answer to a command.
type answer struct {
	Return json.RawMessage
	Error  json.RawMessage
}

// newMonitor takes over a connection, and makes QEMU ready for commands.
func newMonitor(conn net.Conn) (*monitor, error) {
	m := &monitor{conn: conn, answers: make(chan answer, 1)}
	go m.read()
	_, err := m.do("qmp_capabilities", nil)
	return m, err
}

// read separates answers from events until QEMU ends.
func (m *monitor) read() {
	defer close(m.answers)
	defer m.conn.Close()
	for decode := json.NewDecoder(m.conn); ; {
		var message struct {
			answer
			Event string
			QMP   json.RawMessage // the greeting
		}
		if err := decode.Decode(&message); err != nil {
			return
		}
		switch {
		case message.Event != "":
			m.mu.Lock()
			m.events = append(m.events, message.Event)
			m.mu.Unlock()
		case message.QMP == nil:
			m.answers <- message.answer
		}
	}
}

// do has QEMU carry a command out. It is called by one goroutine at a time.
func (m *monitor) do(command string, arguments map[string]string) (json.RawMessage, error) {
	b, err := json.Marshal(struct {
		Execute   string            `json:"execute"`
		Arguments map[string]string `json:"arguments,omitempty"`
	}{command, arguments})
	if err != nil {
		return nil, err
	}
	if _, err := m.conn.Write(b); err != nil {
		return nil, err
	}
	a, ok := <-m.answers
	if !ok {
		return nil, fmt.Errorf("QMP %s: %w", command, io.ErrUnexpectedEOF)
	}
	if a.Error != nil {
		return nil, fmt.Errorf("QMP %s: %s", command, a.Error)
	}
	return a.Return, nil
}

// saw tells whether an event has come.
func (m *monitor) saw(event string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.events, event)
}

// find returns the path of one of the board's devices in QEMU's object tree.
func (m *monitor) find(device string) (string, error) {
	const root = "/machine/unattached"
	b, err := m.do("qom-list", map[string]string{"path": root})
	if err != nil {
		return "", err
	}
	var children []struct{ Name, Type string }
	if err := json.Unmarshal(b, &children); err != nil {
		return "", err
	}
	for _, child := range children {
		if child.Type == "child<"+device+">" {
			return root + "/" + child.Name, nil
		}
	}
	return "", errors.New("QEMU's machine has no " + device)
}
