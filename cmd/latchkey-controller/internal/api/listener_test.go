package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// A listener is a client of the WebSocket.
type listener struct {
	w    *world
	conn *websocket.Conn
}

// dial connects a program to the WebSocket.
func (p *program) dial() (*websocket.Conn, *http.Response, error) {
	transport := p.w.server.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	header := http.Header{}
	if p.token != "" {
		header.Set("Authorization", "Bearer "+p.token)
	}
	return websocket.Dial(p.w.t.Context(), "wss"+strings.TrimPrefix(p.w.server.URL, "https")+unifiBase+"/devices/notifications", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header})
}

// listen connects a program, and reads the first frame.
func (p *program) listen() *listener {
	p.w.t.Helper()
	conn, _, err := p.dial()
	p.w.must(err)
	p.w.t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	l := &listener{p.w, conn}
	if event, data := l.next(); event != "access.base.info" || string(data) != `{"top_log_count":0}` {
		p.w.t.Errorf("first %s %s", event, data)
	}
	return l
}

// read returns what comes next, within a minute.
func (l *listener) read() ([]byte, error) {
	ctx, stop := context.WithTimeout(l.w.t.Context(), time.Minute)
	defer stop()
	_, text, err := l.conn.Read(ctx)
	return text, err
}

// next returns the event and the data of the next frame, without what says that nothing
// happens.
func (l *listener) next() (event string, data []byte) {
	l.w.t.Helper()
	for {
		text, err := l.read()
		l.w.must(err)
		if string(text) == helloText {
			continue
		}
		var f struct {
			Event    string
			Object   *string `json:"event_object_id"`
			Receiver *string `json:"receiver_id"`
			History  *bool   `json:"save_to_history"`
			Data     json.RawMessage
			Meta     struct {
				Fields []string `json:"target_field"`
			}
		}
		if err := json.Unmarshal(text, &f); err != nil || f.Object == nil || f.Receiver == nil || f.History == nil || f.Meta.Fields == nil {
			l.w.t.Errorf("%s: %v", text, err)
		}
		if ofReader := f.Event != "access.base.info" && f.Event != "access.data.setting.update"; ofReader != strings.HasPrefix(*f.Object, "reader-") {
			l.w.t.Errorf("%s is about %q", f.Event, *f.Object)
		}
		return f.Event, f.Data
	}
}

// until returns the data of the next frame of an event, and skips others.
func (l *listener) until(event string, into any) {
	l.w.t.Helper()
	for {
		if got, data := l.next(); got == event {
			l.w.must(json.Unmarshal(data, into))
			return
		}
	}
}

// closed returns with which code the connection ends, whatever comes before.
func (l *listener) closed() websocket.StatusCode {
	l.w.t.Helper()
	for {
		if _, err := l.read(); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}
