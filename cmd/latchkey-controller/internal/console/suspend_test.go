package console

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAUserIsSuspendedAndTheirCredentialsComeBack(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	ask := b.get("/users/1?tab=about&ask=suspend")
	ask.shows(t, http.StatusOK, "Suspend Ada Lovelace?")
	b.post("/users/1/suspend", formIn(t, ask, "/users/1/suspend")...).shows(t, http.StatusOK, "Suspended. PIN and cards open no door", "Suspended: PIN and cards open no door")
	b.get("/users?state=suspended").shows(t, http.StatusOK, "Ada Lovelace", "Suspended")
	b.get("/users/1?tab=access").shows(t, http.StatusOK, "they are suspended", "Suspended: PIN and cards open no door")
	b.get("/doors/1?tab=access").shows(t, http.StatusOK, "they are suspended")
	if p := b.get("/users?state=valid"); strings.Contains(p.body, "Ada Lovelace") {
		t.Error("who is suspended is valid")
	}
	end := b.get("/users/1")
	if p := w.visitor(desk.Viewer).get("/users/1"); strings.Contains(p.body, "End the suspension") {
		t.Error("who may only look is asked to end it")
	}
	b.post("/users/1/suspend", formIn(t, end, "/users/1/suspend")...).shows(t, http.StatusOK, "The suspension is over.")
	if p := b.get("/users/1?tab=access"); strings.Contains(p.body, "are suspended") || strings.Contains(p.body, "Suspended:") {
		t.Error("it is over, and the page says that they are suspended")
	}
}

func TestAUsersEmailAndEmployeeNumberAreEdited(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	about := b.get("/users/1?tab=about")
	revision := field(about, "revision")
	b.post("/users/1", "revision", revision, "first", "Ada", "email", "ada", "employee", "0815").shows(t, http.StatusUnprocessableEntity, "Enter an email address", `value="0815"`)
	b.post("/users/1", "revision", revision, "first", "Ada", "email", "ada@example.com", "employee", "0815").shows(t, http.StatusOK, `value="ada@example.com"`, `value="0815"`)
	b.get("/users?q=0815").shows(t, http.StatusOK, "Ada")
	w.visitor(desk.Viewer).get("/users/1?tab=about").shows(t, http.StatusOK, "ada@example.com", "0815")
	b.post("/users/1", "revision", revision, "first", "Ada").shows(t, http.StatusUnprocessableEntity)
}
