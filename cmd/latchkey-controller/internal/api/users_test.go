package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// userID is the id of a user for programs.
func (w *world) userID(id uint64) string { return w.api.ids.of(kindUser, int64(id)) }

// card gives a user a card, and returns its token.
func (w *world) card(user uint64) (token string) {
	w.t.Helper()
	w.n++
	w.must(w.desk.AddCard(w.t.Context(), root, user, fmt.Sprintf("04A1B2C3%06X", w.n)))
	u, err := w.desk.User(w.t.Context(), root, user)
	w.must(err)
	newest := slices.MaxFunc(u.Credentials, func(a, b desk.Credential) int { return int(a.ID) - int(b.ID) })
	return w.api.ids.token(newest.ID)
}

// look returns a user as programs see them.
func (p *program) look(id string) (u userObject) {
	p.w.t.Helper()
	p.unifi("GET", "/users/"+id, nil).into(p.w.t, &u)
	return u
}

func TestAUserIsAddedChangedSuspendedAndRemoved(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	var added struct {
		ID, First_name, Last_name, User_email string
	}
	p.unifi("POST", "/users", `{"first_name": " Ada ", "last_name": "Lovelace", "user_email": "ada@example.com", "employee_number": "1815", "onboard_time": 1689150139, "pin_code": "no field of a user"}`).into(t, &added)
	if added.First_name != "Ada" || added.Last_name != "Lovelace" || added.User_email != "ada@example.com" {
		t.Errorf("%+v", added)
	}
	u := p.look(added.ID)
	if u.ID != added.ID || u.Name != "Ada Lovelace" || u.UserEmail != "ada@example.com" || u.Employee != "1815" || u.Status != userActive || u.PIN != nil || len(u.Cards) != 0 || u.Onboard == 0 {
		t.Errorf("%+v", u)
	}
	change := func(body, want string, expected func(*userObject)) {
		t.Helper()
		if a := p.unifi("PUT", "/users/"+added.ID, body); a.code() != want {
			t.Errorf("%s: %s, not %s", body, a.body, want)
		}
		if expected != nil {
			expected(&u)
		}
		if got := p.look(added.ID); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", u) {
			t.Errorf("%s: %+v\nnot %+v", body, got, u)
		}
	}
	change(`{"last_name": "King"}`, "200 SUCCESS", func(u *userObject) { u.Last, u.Name = "King", "Ada King" })
	change(`{"employee_number": "", "user_email": "king@example.com"}`, "200 SUCCESS", func(u *userObject) { u.Employee, u.UserEmail = "", "king@example.com" })
	change(`{"first_name": null}`, "200 SUCCESS", nil)
	change(``, "200 SUCCESS", nil)
	change(`{"status": "DEACTIVATED", "last_name": "`+strings.Repeat("g", 65)+`"}`, "400 CODE_PARAMS_INVALID", nil)
	change(`{"user_email": "king"}`, "400 CODE_USER_EMAIL_ERROR", nil)
	change(`{"status": "PENDING"}`, "400 CODE_PARAMS_INVALID", nil)
	if a := p.unifi("DELETE", "/users/"+added.ID, nil); a.code() != "400 CODE_PARAMS_INVALID" {
		t.Errorf("removed although not suspended: %s", a.body)
	}
	change(`{"status": "DEACTIVATED", "first_name": "Augusta"}`, "200 SUCCESS", func(u *userObject) { u.Status, u.First, u.Name = userSuspended, "Augusta", "Augusta King" })
	page, err := w.desk.Activity(t.Context(), root, desk.Query{Limit: 1})
	w.must(err)
	if text := page.Events[0].Text.String(); !strings.HasSuffix(text, "name from Ada King to Augusta King; suspended") {
		t.Errorf("not one act: %s", text)
	}
	change(`{"status": "ACTIVE"}`, "200 SUCCESS", func(u *userObject) { u.Status = userActive })
	change(`{"status": "DEACTIVATED"}`, "200 SUCCESS", func(u *userObject) { u.Status = userSuspended })
	if a := p.unifi("DELETE", "/users/"+added.ID, nil); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	if a := p.unifi("GET", "/users/"+added.ID, nil); a.code() != "404 CODE_USER_WORKER_NOT_EXISTS" {
		t.Error(a.body)
	}
}

// names returns the names of users in an answer.
func names(t *testing.T, a *answer) []string {
	t.Helper()
	var users []userObject
	a.into(t, &users)
	all := []string{}
	for _, u := range users {
		all = append(all, u.Name)
	}
	return all
}

func TestUsersComeInPagesByName(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	if a := p.unifi("GET", "/users", nil); a.body != `{"code":"SUCCESS","msg":"success","data":[],"pagination":{"page_num":1,"page_size":1000,"total":0}}` {
		t.Error(a.body)
	}
	for _, last := range []string{"Echo", "Delta", "Charlie", "Bravo", "Alpha"} {
		w.user("Ada", last)
	}
	for query, want := range map[string]string{
		"page_num=1&page_size=1": "[Ada Alpha]",
		"page_num=2&page_size=2": "[Ada Charlie Ada Delta]",
		"page_num=3&page_size=2": "[Ada Echo]",
		"page_num=4&page_size=2": "[]",
		"page_size=1000000000":   "[Ada Alpha Ada Bravo Ada Charlie Ada Delta Ada Echo]",
		"":                       "[Ada Alpha Ada Bravo Ada Charlie Ada Delta Ada Echo]",
	} {
		a := p.unifi("GET", "/users?"+query, nil)
		if got := fmt.Sprint(names(t, a)); got != want || !strings.Contains(a.body, `"total":5}`) {
			t.Errorf("%s: %s", query, a.body)
		}
	}
}

func TestUsersAreFoundByWordsIDsAndStatus(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	ada, bob := w.user("Ada", "Lovelace"), w.user("Bob", "Baker")
	w.must(w.desk.EditUser(t.Context(), root, bob, "", nil, func(f *desk.UserForm) { f.Email, f.Employee = "bob@example.com", "4711" }))
	w.must(w.desk.SuspendUser(t.Context(), root, bob, true))
	_, door := w.reader()
	w.must(w.desk.TakeVisitors(t.Context(), root, door, true))
	until := w.clock().Wall.AddDate(0, 0, 3).Format("2006-01-02")
	visitor, _, err := w.desk.Invite(t.Context(), root, desk.VisitForm{First: "Ada", Last: "Guest", Until: until, Doors: []int64{door}})
	w.must(err)
	for query, want := range map[string]string{
		"":                                   "[Ada Lovelace Bob Baker]",
		"keyword=ada":                        "[Ada Lovelace]",
		"keyword=bak":                        "[Bob Baker]",
		"keyword=4711":                       "[Bob Baker]",
		"keyword=bob%40example":              "[Bob Baker]",
		"keyword=nobody":                     "[]",
		"status=ACTIVE":                      "[Ada Lovelace]",
		"status[]=DEACTIVATED":               "[Bob Baker]",
		"status=ACTIVE&status=DEACTIVATED":   "[Ada Lovelace Bob Baker]",
		"status=PENDING":                     "[]",
		"status=PENDING&status=ACTIVE":       "[Ada Lovelace]",
		"only_admin=true":                    "[]",
		"only_admin=false":                   "[Ada Lovelace Bob Baker]",
		"user_id=" + w.userID(ada):           "[Ada Lovelace]",
		"user_id=" + w.userID(visitor):       "[]",
		"user_id=67203419":                   "[]",
		"keyword=b&user_id=" + w.userID(ada): "[]",
		"keyword=ada&status=DEACTIVATED":     "[]",
		"user_id[]=" + w.userID(bob) + "&user_id[]=" + w.userID(ada): "[Ada Lovelace Bob Baker]",
	} {
		if got := fmt.Sprint(names(t, p.unifi("GET", "/users/search?"+query, nil))); got != want {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
	}
	for _, query := range []string{"status=active", "only_admin=yes", "page_num=0", "page_size=ten", "keyword=" + url.QueryEscape(strings.Repeat("a", maxKeyword+1)), strings.Repeat("user_id=a&", maxIDs+1)} {
		if a := p.unifi("GET", "/users/search?"+query, nil); a.code() != "400 CODE_PARAMS_INVALID" {
			t.Errorf("%.30s: %s", query, a.body)
		}
	}
	for query, total := range map[string]int{"": 2, "user_id=" + w.userID(ada): 1, "status=ACTIVE": 1, "keyword=ada": 1} { // of full pages
		if a := p.unifi("GET", "/users/search?page_size=1&"+query, nil); !strings.Contains(a.body, fmt.Sprintf(`"total":%d}`, total)) {
			t.Errorf("%s: not %d in all: %s", query, total, a.body)
		}
	}
	// A visitor is no user of this part.
	for _, c := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"PUT", "", `{"first_name": "Eve"}`}, {"DELETE", "", ""}, {"PUT", "/pin_codes", `{"pin_code": "58310274"}`}, {"DELETE", "/pin_codes", ""},
	} {
		if a := p.unifi(c.method, "/users/"+w.userID(visitor)+c.path, c.body); a.code() != "404 CODE_USER_WORKER_NOT_EXISTS" {
			t.Errorf("%s %s: %s", c.method, c.path, a.body)
		}
	}
}

func TestInvitationsToAnAppFailForEachUser(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	id := w.userID(w.user("Ada", ""))
	a := p.unifi("POST", "/users/identity/invitations", `[{"user_id": "`+id+`", "email": "ada@example.com"}, {"user_id": "another"}]`)
	want := `"data":[{"error_code":"CODE_DEVICE_API_NOT_SUPPORTED","error_msg":"There is no app here that users can be invited to","user_email":"ada@example.com","user_id":"` + id + `"},{"error_code"`
	if a.code() != "200 SUCCESS" || !strings.Contains(a.body, want) {
		t.Error(a.body)
	}
}
