package main

import (
	"encoding/json"
	"net/http"
	"slices"

	"latchkey/board/sim"
)

// state is GET /bench/state.
type state struct {
	Violations   []string
	Counters     map[string]sim.Counters
	Lines        map[string]bool // logical
	FirstPicture float64         // seconds since boot, 0 before
}

// handler serves the simulated board's own calls and the bench's, one at a time:
//
//	GET  /bench/state            state
//	GET  /bench/pixels           what a viewer sees, 4 bytes a pixel, row by row
//	POST /bench/taps             [key…]
//	POST /bench/touch-reads      waits until the touch film was read a few times
//	POST /bench/fault?chip=nfc   sim.Fault
func (c *chips) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", c.board.Handler(sim.Page{Name: func() string { return "bench" }}))
	mux.HandleFunc("GET /bench/state", func(w http.ResponseWriter, _ *http.Request) {
		s := state{
			Violations: c.board.Violations(), Counters: map[string]sim.Counters{}, Lines: map[string]bool{},
			FirstPicture: float64(c.firstPicture.Load()) / 1000,
		}
		for _, port := range portNames {
			s.Counters[port] = c.board.Counters(port)
		}
		for _, w := range slices.Concat(outputLines, inputLines) {
			s.Lines[w.name] = c.board.Line(w.name)
		}
		json.NewEncoder(w).Encode(s)
	})
	view := c.board.View() // kept, to copy only what has changed: the chips wait meanwhile
	mux.HandleFunc("GET /bench/pixels", func(w http.ResponseWriter, _ *http.Request) {
		img, _ := view.Update()
		w.Write(img.Pix)
	})
	mux.HandleFunc("POST /bench/taps", c.taps)
	mux.HandleFunc("POST /bench/touch-reads", func(w http.ResponseWriter, _ *http.Request) {
		if !c.awaitTouchReads() {
			http.Error(w, "nobody reads the touch film", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /bench/fault", func(w http.ResponseWriter, r *http.Request) {
		var fault sim.Fault
		err := json.NewDecoder(r.Body).Decode(&fault)
		if err == nil {
			err = c.board.SetFault(r.FormValue("chip"), fault)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	return mux
}
