package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// call asks the simulated board. Where the reader is not there it fails.
func (h *house) call(method, path string, body, answer any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+h.d.listen+path, in)
	if err != nil {
		return err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, b)
	}
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(b, answer)
}

// line returns whether a line of the board is active.
func (h *house) line(name string) (bool, error) {
	var lines map[string]bool
	err := h.call("GET", "/api/lines", nil, &lines)
	return lines[name], err
}

// errNotOffered says that the screen does not offer what was to be pressed.
var errNotOffered = errors.New("the screen does not offer it")

// press touches a control for a moment, once the screen offers it.
func (h *house) press(name string) error {
	type control struct {
		Name       string
		X, Y, W, H int
	}
	for range 100 {
		var controls []control
		if err := h.call("GET", "/api/controls", nil, &controls); err != nil {
			return err
		}
		for _, c := range controls {
			if c.Name != name {
				continue
			}
			at := map[string]any{"x": c.X + c.W/2, "y": c.Y + c.H/2, "down": true}
			err := h.call("POST", "/api/touch", at, nil)
			time.Sleep(60 * time.Millisecond)
			at["down"] = false
			err = errors.Join(err, h.call("POST", "/api/touch", at, nil))
			time.Sleep(60 * time.Millisecond)
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errNotOffered
}

// typePIN types a PIN, if the screen offers to.
func (h *house) typePIN(pin string) error {
	if err := h.press("pin"); err != nil {
		return err
	}
	for _, digit := range pin {
		if err := h.press("digit-" + string(digit)); err != nil {
			return err
		}
	}
	return nil
}

// showCard holds a card to the reader for a moment.
func (h *house) showCard(uid string) error {
	if err := h.call("PUT", "/api/card", map[string]string{"uid": uid}, nil); err != nil {
		return err
	}
	time.Sleep(400 * time.Millisecond)
	return h.call("DELETE", "/api/card", nil, nil)
}
