package sim

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// web is a board with its page, and a client.
type web struct {
	*testing.T
	board *Board
	url   string
	host  string
}

func serve(t *testing.T, p Page) *web {
	b := New(nil)
	server := httptest.NewServer(b.Handler(p))
	t.Cleanup(func() {
		server.Close()
		b.Close()
	})
	return &web{t, b, server.URL, strings.TrimPrefix(server.URL, "http://")}
}

// call returns status and body.
func (w *web) call(method, path, body string, header ...string) (*http.Response, string) {
	w.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer, string(b)
}

// wants makes a call that must have that status, and for errors a reason.
func (w *web) wants(status int, method, path, body string, header ...string) string {
	w.Helper()
	answer, text := w.call(method, path, body, header...)
	if answer.StatusCode != status {
		w.Errorf("%s %s %s: %s, want %d: %s", method, path, body, answer.Status, status, text)
	}
	if status >= 400 {
		var reason struct{ Error string }
		if err := json.Unmarshal([]byte(text), &reason); err != nil || reason.Error == "" {
			w.Errorf("%s %s %s: the reason is %q (%v)", method, path, body, text, err)
		}
	}
	return text
}

// light switches the panel on and fills r with one colour, as a driver would.
func (b *Board) light(r image.Rectangle, rgb uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.panel
	p.sleeping, p.on, p.madctl = false, true, madBGR
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			at := p.fromView(image.Pt(x, y))
			p.mem[at.Y*p.model.cols+at.X] = rgb
		}
	}
	b.screenChanged(r)
}

func TestTheScreenIsAPNGOfWhatAViewerSees(t *testing.T) {
	w := serve(t, Page{})
	w.board.light(image.Rect(0, 0, 240, 320), 0)
	w.board.light(image.Rect(10, 20, 30, 40), 0x3F000) // red
	answer, body := w.call("GET", "/api/screen.png", "")
	img, err := png.Decode(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	if img.Bounds() != image.Rect(0, 0, 240, 320) {
		t.Errorf("bounds %v", img.Bounds())
	}
	for at, want := range map[image.Point]color.RGBA{
		{10, 20}: {255, 0, 0, 255}, {29, 39}: {255, 0, 0, 255}, {9, 20}: {0, 0, 0, 255}, {30, 39}: {0, 0, 0, 255},
	} {
		if got := color.RGBAModel.Convert(img.At(at.X, at.Y)); got != want {
			t.Errorf("pixel %v is %v, want %v", at, got, want)
		}
	}
}

func TestControlsAreThoseHandedOver(t *testing.T) {
	type control struct {
		Name, Label string
	}
	for _, test := range []struct {
		controls func() any
		want     string
	}{
		{nil, `[]`},
		{func() any { return []control(nil) }, `[]`},
		{func() any { return []control{{"pin", "PIN"}} }, `[{"Name":"pin","Label":"PIN"}]`},
	} {
		w := serve(t, Page{Controls: test.controls})
		if got := w.wants(200, "GET", "/api/controls", ""); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestAFingerTouchesAndLifts(t *testing.T) {
	w := serve(t, Page{})
	w.wants(204, "POST", "/api/touch", `{"x":239,"y":319,"down":true}`)
	if !w.board.Line("touch-irq") {
		t.Error("down: the touch controller feels nothing")
	}
	w.wants(204, "POST", "/api/touch", `{"down":false}`)
	if w.board.Line("touch-irq") {
		t.Error("up: the touch controller still feels a finger")
	}
}

func TestACardComesAndGoes(t *testing.T) {
	w := serve(t, Page{})
	w.wants(204, "PUT", "/api/card", `{"uid":"04A1:B2C3 d4e580"}`)
	if got := w.board.cardUID(); !bytes.Equal(got, []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}) {
		t.Errorf("on the reader lies %X", got)
	}
	w.wants(204, "PUT", "/api/card", `{"uid":"01020304"}`)
	if got := w.board.cardUID(); !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("on the reader lies %X", got)
	}
	for range 2 { // a card that is gone can be taken away
		w.wants(204, "DELETE", "/api/card", "")
		if got := w.board.cardUID(); got != nil {
			t.Errorf("on the reader lies %X", got)
		}
	}
}

func TestACardOfThePageIsOfItsKind(t *testing.T) {
	uid := []byte{0x08, 1, 2, 3}
	w := serve(t, Page{Cards: []PageCard{{"Random", Card{UID: uid, Kind: Copy}}}})
	w.wants(204, "PUT", "/api/card", `{"uid":"08010203"}`)
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	if sak := w.board.nfc.rf.card.sak; sak != 0x20 {
		t.Errorf("SAK %02X: not the DESFire that the page has", sak)
	}
}

func TestLinesAreReadAndContactsAreSet(t *testing.T) {
	w := serve(t, Page{})
	strike, err := w.board.Output("strike")
	if err != nil {
		t.Fatal(err)
	}
	strike.SetValue(1)
	w.wants(204, "PUT", "/api/lines/door-open", `{"active":true}`)
	w.wants(204, "PUT", "/api/lines/exit-button", `{"active":true}`)
	w.wants(204, "PUT", "/api/lines/exit-button", `{"active":false}`)
	w.wants(204, "PUT", "/api/lines/fire", `{"active":true}`)
	var got map[string]bool
	if err := json.Unmarshal([]byte(w.wants(200, "GET", "/api/lines", "")), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"strike": true, "buzzer": false, "exit-button": false, "door-open": true, "tamper": false, "fire": true}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWrongInputIsRefusedWithAReason(t *testing.T) {
	w := serve(t, Page{})
	for _, test := range []struct {
		status             int
		method, path, body string
	}{
		{400, "POST", "/api/touch", ``},
		{400, "POST", "/api/touch", `[]`},
		{400, "POST", "/api/touch", `{"x":1,"y":1}`},
		{400, "POST", "/api/touch", `{"x":1,"down":true}`},
		{400, "POST", "/api/touch", `{"x":1.5,"y":1,"down":true}`},
		{400, "POST", "/api/touch", `{"x":240,"y":1,"down":true}`},
		{400, "POST", "/api/touch", `{"x":1,"y":-1,"down":true}`},
		{400, "POST", "/api/touch", `{"x":1,"y":1,"down":true,"hard":true}`},
		{400, "POST", "/api/touch", `{"x":1,"y":1,"down":true}{}`},
		{413, "POST", "/api/touch", `{"x":` + strings.Repeat(" ", maxBody) + `1}`},
		{405, "GET", "/api/touch", ``},
		{400, "PUT", "/api/card", `{}`},
		{400, "PUT", "/api/card", `{"uid":"04a1b2"}`},
		{400, "PUT", "/api/card", `{"uid":"04a1b2c"}`},
		{400, "PUT", "/api/card", `{"uid":"hellohello"}`},
		{405, "POST", "/api/card", `{"uid":"01020304"}`},
		{405, "GET", "/api/card", ``},
		{400, "PUT", "/api/lines/tamper", `{}`},
		{400, "PUT", "/api/lines/tamper", `{"active":1}`},
		{403, "PUT", "/api/lines/strike", `{"active":true}`},
		{403, "PUT", "/api/lines/nfc-irq", `{"active":true}`},
		{404, "PUT", "/api/lines/window", `{"active":true}`},
		{405, "PUT", "/api/lines", `{"active":true}`},
		{405, "DELETE", "/api/lines/tamper", ``},
		{405, "POST", "/api/screen.png", ``},
		{405, "POST", "/", ``},
		{404, "GET", "/api/", ``},
		{404, "GET", "/page.go", ``},
		{404, "GET", "/page/", ``},
	} {
		w.wants(test.status, test.method, test.path, test.body)
	}
	answer, _ := w.call("GET", "/api/card", "")
	if allow := answer.Header.Values("Allow"); !reflect.DeepEqual(allow, []string{"PUT", "DELETE"}) {
		t.Errorf("Allow is %q", allow)
	}
	if w.board.Line("touch-irq") || w.board.Line("tamper") || w.board.Line("strike") || w.board.cardUID() != nil {
		t.Error("a refused call did something")
	}
}

func TestAClosedBoardIsUnavailable(t *testing.T) {
	w := serve(t, Page{})
	w.board.Close()
	w.wants(503, "PUT", "/api/lines/tamper", `{"active":true}`)
}

func TestOnlyThisPageReachesTheBoard(t *testing.T) {
	w := serve(t, Page{})
	for _, test := range []struct {
		status int
		header []string
	}{
		{204, nil}, // no browser
		{204, []string{"Origin", w.url}},
		{204, []string{"Origin", w.url, "Sec-Fetch-Site", "same-origin"}},
		{403, []string{"Origin", "http://evil.example"}},
		{403, []string{"Origin", "null"}},
		{403, []string{"Origin", "https://" + w.host}},
		{403, []string{"Origin", "http://127.0.0.1:1"}},
		{403, []string{"Sec-Fetch-Site", "cross-site"}},
		{403, []string{"Sec-Fetch-Site", "same-site"}},
		{421, []string{"Host", "evil.example"}},
		{421, []string{"Host", "evil.example:80", "Origin", "http://evil.example:80"}},
		{421, []string{"Host", "127.0.0.1.evil.example"}},
		{204, []string{"Host", "localhost:8081"}},
		{204, []string{"Host", "[::1]:8081"}},
	} {
		w.wants(test.status, "PUT", "/api/lines/tamper", `{"active":true}`, test.header...)
		if active := w.board.Line("tamper"); active != (test.status == 204) {
			t.Errorf("%q: tamper is %v", test.header, active)
		}
		w.board.SetLine("tamper", false)
	}
	w.wants(403, "GET", "/api/screen.png", "", "Sec-Fetch-Site", "cross-site")
	w.wants(403, "GET", "/api/lines", "", "Origin", "http://evil.example")
	w.wants(421, "GET", "/", "", "Host", "evil.example")
	w.wants(200, "GET", "/", "", "Sec-Fetch-Site", "cross-site") // a link to it
}

func TestThePageIsWholeAndKeepsToItsPolicy(t *testing.T) {
	w := serve(t, Page{})
	kinds := map[string]string{"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
	names, err := fs.ReadDir(assets, "page")
	if err != nil {
		t.Fatal(err)
	}
	var linked []string
	for _, entry := range names {
		path := "/" + entry.Name()
		if path == "/index.html" {
			path = "/"
		}
		answer, body := w.call("GET", path, "")
		if kind := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || !strings.HasPrefix(kind, kinds[entry.Name()[strings.LastIndexByte(entry.Name(), '.')+1:]]+";") {
			t.Errorf("%s: %s, %s", path, answer.Status, kind)
		}
		policy := answer.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if entry.Name() != "index.html" && strings.HasSuffix(entry.Name(), ".html") {
			t.Errorf("%s: a second page", path)
		}
		for _, m := range regexp.MustCompile(`(?:src="|href="|from '\./|url\()([^"')]+)`).FindAllStringSubmatch(body, -1) {
			linked = append(linked, m[1])
		}
		if strings.HasSuffix(entry.Name(), ".html") {
			if inline := regexp.MustCompile(`(?i)<style|\sstyle=|<script>|\son[a-z]+=|javascript:`).FindString(body); inline != "" {
				t.Errorf("%s: has %q inline, which its policy forbids", path, inline)
			}
		}
	}
	if len(linked) < 8 {
		t.Errorf("found only these links: %q", linked)
	}
	for _, name := range linked {
		if answer, _ := w.call("GET", "/"+name, ""); answer.StatusCode != 200 {
			t.Errorf("%s is linked and is not there: %s", name, answer.Status)
		}
	}
}

func TestUIDsAreReadWithAndWithoutGaps(t *testing.T) {
	for in, want := range map[string][]byte{
		"01020304":             {1, 2, 3, 4},
		"04:A1:B2:C3:D4:E5:80": {0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80},
		" 0102 0304 ":          {1, 2, 3, 4},
		"0102030405":           nil,
		"":                     nil,
		"0x010203":             nil,
	} {
		if got, err := ParseUID(in); !bytes.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %X, %v", in, got, err)
		}
	}
}

func TestFaultsAreSwitchedAndListed(t *testing.T) {
	w := serve(t, Page{})
	for path, body := range map[string]string{
		"nfc-noise":   `{"active":true,"amount":0.01,"seconds":3600}`,
		"panel-stuck": `{"active":true,"after":3600}`,
		"touch-reset": `{"active":true}`,
	} {
		w.wants(204, "PUT", "/api/faults/"+path, body)
	}
	var all []faultMessage
	if err := json.Unmarshal([]byte(w.wants(200, "GET", "/api/faults", "")), &all); err != nil {
		t.Fatal(err)
	}
	var active []faultMessage
	for _, f := range all {
		if f.Active {
			active = append(active, f)
		}
	}
	if len(active) != 1 || active[0].Name != "nfc-noise" || active[0].Amount != 0.01 || active[0].Seconds < 3500 || len(all) < 15 {
		t.Errorf("active %+v of %d", active, len(all))
	}
	w.wants(204, "PUT", "/api/faults/nfc-noise", `{"active":false}`)
	if strings.Contains(w.wants(200, "GET", "/api/faults", ""), `"active":true`) {
		t.Error("a fault that was switched off is there")
	}
	w.wants(404, "PUT", "/api/faults/moon", `{"active":true}`)
	w.wants(400, "PUT", "/api/faults/nfc-noise", `{}`)
	w.wants(400, "PUT", "/api/faults/nfc-noise", `{"active":true,"amount":2}`)
	w.wants(400, "PUT", "/api/faults/nfc-noise", `{"active":true,"seconds":-1}`)
	w.wants(400, "PUT", "/api/faults/nfc-noise", `{"active":true,"seconds":1e300}`)
	w.wants(405, "GET", "/api/faults/nfc-noise", ``)
}
