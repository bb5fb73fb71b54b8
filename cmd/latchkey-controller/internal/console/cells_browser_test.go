package console

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// cellTour looks at a site with one cell, and at one with several.
func cellTour(t *testing.T, beside context.Context) {
	w := inPostgreSQL(t)
	w.adopt("front-door", "Front door", "Main building")
	_, leads := w.run()
	come(t, leads, "the lead")
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"cells-one", "/cells", ""}, {"cells-new", "/cells/new", ""}})
	contented(t, complaints)

	w = inCells(t, "front-door", "gate", "yard", "loading-bay-at-the-very-end-rear")
	const long = "warehouse-of-the-harbour-district"
	_, err := w.desk.AddCell(t.Context(), owner, desk.CellForm{Name: long[:32], Brokers: "ssl://broker-1.warehouse.harbour-district.example.com:8883 ssl://broker-2.warehouse.harbour-district.example.com:8883"})
	w.must(err)
	_, err = w.desk.AddCell(t.Context(), owner, desk.CellForm{Name: "annex", Brokers: "ssl://192.0.2.7:8884"})
	w.must(err)
	w.leads(3)
	move := func(cell int64, readers ...string) {
		_, err := w.desk.MoveReaders(t.Context(), owner, desk.MoveForm{Readers: readers, Cell: cell, Anyway: true})
		w.must(err)
	}
	move(3, "yard", "loading-bay-at-the-very-end-rear")
	move(2, "gate")
	w.live.mu.Lock()
	w.live.silent = &desk.UnheardError{Cells: []int64{2}, Why: &store.UnavailableError{Reason: language.Data("nobody leads the cell north")}}
	w.live.states[1].Online = false
	w.live.states[2].Current, w.live.states[2].Behind, w.live.states[3].Online = false, time.Now().Add(-12*time.Second), false
	w.live.brokers = append(w.live.brokers, link.BrokerStatus{URL: "ssl://broker-1.warehouse.harbour-district.example.com:8883", Cell: 3, Up: true, Since: time.Now()},
		link.BrokerStatus{URL: "ssl://broker-2.warehouse.harbour-district.example.com:8883", Cell: 3, Why: "connection refused", Since: time.Now()})
	w.live.mu.Unlock()
	ctx, complaints = chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{
		{"cells", "/cells", ""},
		{"cell-home", "/cells/1", ""},
		{"cell-unled", "/cells/2", ""},
		{"cell-broker-down", "/cells/3", ""},
		{"cell-next", "/cells/4", ""},
		{"cell-remove", "/cells/4?ask=remove", ""},
		{"cell-search", "/cells/1?q=nothing", ""},
		{"cells-settings", "/settings", `document.querySelector("#controllers").scrollIntoView(); window.settled = true`},
		{"cells-settings-brokers", "/settings", `document.querySelector("#brokers").scrollIntoView(); window.settled = true`},
		{"cell-reader", "/readers/front-door?tab=device", ""},
		{"cell-reader-moving", "/readers/yard?tab=device", ""},
		{"cells-doors", "/", ""},
	})
	do(t, ctx, wide, arrive(w.server.URL+"/cells/new"), chromedp.SendKeys(chromedp.CSS("#f-cell-name"), "North wing"), chromedp.SendKeys(chromedp.CSS("#f-brokers"), "tcp://north.example"), chromedp.Click(chromedp.CSS(`form[action="/cells"] .primary`)), chromedp.WaitVisible(chromedp.CSS("#w-brokers")))
	lookAt(t, ctx, "cells-new-wrong")
	do(t, ctx, wide, arrive(w.server.URL+"/cells/1"), chromedp.SetValue(chromedp.CSS("#f-brokers"), "ssl://broker-3.example"), chromedp.Click(chromedp.CSS(`form[action="/cells/1"] .primary`)), chromedp.WaitVisible(chromedp.CSS("#w-anyway")))
	lookAt(t, ctx, "cell-edit-anyway")
	do(t, ctx, size(360, 780), arrive(w.server.URL+"/cells/1"), chromedp.Click(chromedp.CSS("#f-reader-front-door")), chromedp.Click(chromedp.CSS(`form[action="/cells/1/move"] .btn`)), chromedp.WaitVisible(chromedp.CSS("#f-move-anyway")))
	until(t, ctx, "what is wrong is in sight", `document.querySelector("#w-anyway").getBoundingClientRect().bottom < innerHeight`)
	lookAt(t, ctx, "cell-move-anyway")
	contented(t, complaints)
}
