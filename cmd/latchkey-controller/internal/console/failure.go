package console

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// tryAgain is after how many seconds a page tries again while the database is away.
const tryAgain = 5

// A failurePage says that the controller itself failed.
type failurePage struct {
	Text  *language.Sentence
	Away  bool   // the database is away
	Again int    // after how many seconds the page tries again by itself; 0: never
	Back  string // where else to go
}

// serverError answers when the controller itself failed. The details go to its log.
func (c *Console) serverError(w http.ResponseWriter, r *http.Request, err error) {
	status, page := http.StatusInternalServerError, failurePage{Text: language.Say("The controller failed, so nothing was done. See its log for details."), Back: "/"}
	var full *desk.FullError
	var away *desk.UnavailableError
	var unsure *desk.UnsureError
	level := slog.LevelError
	switch {
	case errors.As(err, &full):
		page.Text = language.Of(full).Alone()
	case errors.As(err, &away):
		status, page.Text, page.Away = http.StatusServiceUnavailable, language.Of(away).Alone(), true
		if level = slog.LevelWarn; desk.Outage(err) != "" { // it is logged elsewhere, once
			level = slog.LevelDebug
		}
		w.Header().Set("Retry-After", strconv.Itoa(tryAgain))
	case errors.As(err, &unsure):
		page.Text = language.Of(unsure).Alone()
	}
	c.log.Log(r.Context(), level, "console: request failed", "method", r.Method, "page", r.Pattern, "error", err)
	if byScript(r) {
		if live(r) { // it stays as it is, and is asked for again (app.js)
			w.Header().Set("HX-Reswap", "none")
			w.WriteHeader(status)
			return
		}
		c.toast(w, r, status, page.Text)
		return
	}
	if page.Away && r.Method == http.MethodGet {
		page.Again = tryAgain
		w.Header().Set("Refresh", strconv.Itoa(tryAgain))
	} else if from, err := url.Parse(r.Referer()); err == nil {
		page.Back = local(from.RequestURI())
	}
	title := language.Say("The controller failed")
	switch {
	case page.Away && strings.Contains(page.Text.String(), "database"):
		title = language.Say("The database is away")
	case page.Away:
		title = language.Say("Try again in a moment")
	}
	c.showFailure(w, r, status, title, page)
}

// showFailure shows a page for which no database is needed.
func (c *Console) showFailure(w http.ResponseWriter, r *http.Request, status int, title *language.Sentence, page failurePage) {
	var b bytes.Buffer
	v := c.newVisit(r)
	t, err := v.pages.page("away")
	if err == nil {
		err = t.ExecuteTemplate(&b, "layout", &view{visit: v, Title: title, Page: page})
	}
	kind := "text/html; charset=utf-8"
	if err != nil {
		c.log.Error("console: page", "error", err)
		kind = "text/plain; charset=utf-8"
		b.Reset()
		b.WriteString(v.pages.language.Say(page.Text))
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	io.Copy(w, &b)
}
