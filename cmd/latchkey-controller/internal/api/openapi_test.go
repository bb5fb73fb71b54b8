package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// described is the OpenAPI document, as a library reads it, with what finds an operation.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	b, err := openAPI()
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		return nil, err
	}
	return document, document.Validate(context.Background())
})

// operation returns which operation of the document answers a request, and the parts of its
// path; nil: none.
func operation(document *openapi3.T, r *http.Request) (found *routers.Route, parts map[string]string) {
	mux := http.NewServeMux() // which chooses as the API does
	for path, item := range document.Paths.Map() {
		for method, o := range item.Operations() {
			mux.HandleFunc(method+" "+path, func(_ http.ResponseWriter, r *http.Request) {
				found = &routers.Route{Spec: document, Path: path, PathItem: item, Method: method, Operation: o}
				parts = map[string]string{}
				for _, parameters := range []openapi3.Parameters{item.Parameters, o.Parameters} {
					for _, p := range parameters {
						if p.Value.In == openapi3.ParameterInPath {
							parts[p.Value.Name] = r.PathValue(p.Value.Name)
						}
					}
				}
			})
		}
	}
	mux.ServeHTTP(nothingWritten{}, r)
	return found, parts
}

// nothingWritten takes an answer that nobody reads.
type nothingWritten struct{}

func (nothingWritten) Header() http.Header         { return http.Header{} }
func (nothingWritten) Write(b []byte) (int, error) { return len(b), nil }
func (nothingWritten) WriteHeader(int)             {}

// documented fails the test unless the OpenAPI document allows the answer to a request, and
// the request too if it was carried out.
func (w *world) documented(r *http.Request, got *answer) {
	w.t.Helper()
	document, err := described()
	w.must(err)
	r = r.Clone(context.Background())
	if r.GetBody != nil {
		r.Body, err = r.GetBody()
		w.must(err)
	}
	route, parts := operation(document, r)
	if route == nil { // then what refuses it is in the form of its part
		name := "Refused"
		if strings.HasPrefix(r.URL.Path, ownBase+"/") {
			name = "Problem"
		}
		if got.status < 400 {
			w.t.Errorf("%s %s is answered with %d, and not in the OpenAPI document", r.Method, r.URL.Path, got.status)
		}
		responses := openapi3.NewResponses(openapi3.WithName("default", document.Components.Responses[name].Value))
		route = &routers.Route{Spec: document, Operation: &openapi3.Operation{Responses: responses}}
	}
	if route.PathItem != nil && got.status < 500 && route.Operation.Responses.Status(got.status) == nil {
		w.t.Errorf("the OpenAPI document does not say that %s %s may be answered with %d: %s", r.Method, route.Path, got.status, got.body)
	}
	request := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parts, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: r.ContentLength > 2,
		},
	}
	if got.status < 400 && route.PathItem != nil {
		if err := openapi3filter.ValidateRequest(context.Background(), request); err != nil {
			w.t.Errorf("%s %s is carried out, but the OpenAPI document does not allow it: %v", r.Method, r.URL.Path, err)
		}
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader([]byte(got.body))), Options: request.Options,
	})
	if err != nil {
		w.t.Errorf("the OpenAPI document does not allow the answer to %s %s: %v\n%d %s", r.Method, r.URL.Path, err, got.status, got.body)
	}
}

func TestTheDocumentDescribesWhatThereIs(t *testing.T) {
	document, err := described()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	routes := map[string]string{"GET /metrics": "Latchkey"} // their operations' tags
	for _, rt := range w.api.unifiRoutes() {
		routes[rt.method+" "+unifiBase+rt.path] = "UniFi Access compatible"
	}
	for _, rt := range w.api.ownRoutes() {
		routes[rt.method+" "+ownBase+rt.path] = "Latchkey"
	}
	var scopes []string
	for _, scope := range desk.Scopes() {
		scopes = append(scopes, string(scope))
	}
	for path, item := range document.Paths.Map() {
		for method, o := range item.Operations() {
			name := method + " " + path
			if routes[name] == "" {
				t.Errorf("%s is described, but there is no such route", name)
			}
			if !slices.Equal(o.Tags, []string{routes[name]}) {
				t.Errorf("%s has the tags %v", name, o.Tags)
			}
			delete(routes, name)
			if scope, _ := o.Extensions["x-scope"].(string); !slices.Contains(scopes, scope) {
				t.Errorf("%s: x-scope is %v", name, o.Extensions["x-scope"])
			}
			if o.OperationID == "" || o.Summary == "" || o.Security == nil || o.Responses.Default() == nil {
				t.Errorf("%s lacks an operationId, a summary, security or what refuses it", name)
			}
		}
	}
	for name := range routes {
		t.Errorf("%s is not described", name)
	}
}

func TestNoComponentOfTheDocumentIsUnused(t *testing.T) {
	b, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Info       struct{ License struct{ Identifier string } }
		Components map[string]map[string]any
	}
	if err := json.Unmarshal(b, &document); err != nil {
		t.Fatal(err)
	}
	if document.Info.License.Identifier != "Apache-2.0" {
		t.Errorf("the licence is %q", document.Info.License.Identifier)
	}
	delete(document.Components, "securitySchemes") // which are not referred to
	for kind, components := range document.Components {
		for name := range components {
			if ref := `"#/components/` + kind + "/" + name + `"`; !bytes.Contains(b, []byte(ref)) {
				t.Errorf("nothing refers to %s", ref)
			}
		}
	}
}

func TestTheDocumentSaysWhichScopeAnOperationNeeds(t *testing.T) {
	document, err := described()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	reader, _ := w.reader()
	only, without := map[desk.Scope]*program{}, map[desk.Scope]*program{}
	for _, scope := range desk.Scopes() {
		only[scope] = w.program(scope)
		without[scope] = w.program(slices.DeleteFunc(desk.Scopes(), func(s desk.Scope) bool { return s == scope })...)
	}
	for path, item := range document.Paths.Map() {
		path = strings.ReplaceAll(path, "{reader}", reader)
		if item.Get == nil || strings.Contains(path, "{") || strings.HasSuffix(path, "/notifications") { // a WebSocket
			continue
		}
		scope, _ := item.Get.Extensions["x-scope"].(string)
		if a := without[desk.Scope(scope)].ask("GET", path, nil); a.code() != "403 CODE_UNAUTHORIZED" && a.code() != "400 "+codeUnsupported { // what is not here needs none
			t.Errorf("%s without %s: %d %s", path, scope, a.status, a.body)
		}
		if a := only[desk.Scope(scope)].ask("GET", path, nil); a.status == http.StatusForbidden {
			t.Errorf("%s with %s: %d %s", path, scope, a.status, a.body)
		}
	}
}

func TestTheDocumentIsServedToAnybody(t *testing.T) {
	w := newWorld(t)
	response, err := w.server.Client().Get(w.server.URL + "/openapi.json")
	w.must(err)
	defer response.Body.Close()
	var document struct{ OpenAPI string }
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil || response.StatusCode != http.StatusOK || document.OpenAPI != "3.1.0" {
		t.Errorf("%d, %+v, %v", response.StatusCode, document, err)
	}
}

func TestFragmentsDoNotDescribeTheSameTwice(t *testing.T) {
	read := func(text string) (m map[string]any) {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	into := read(`{"openapi": "3.1.0", "paths": {"/a": {"get": {"summary": "1"}}}, "components": {"schemas": {"A": {"type": "object"}}}}`)
	if err := merge(into, read(`{"paths": {"/a": {"put": {}}, "/b": {"get": {}}}, "components": {"schemas": {"B": {}}, "responses": {"A": {}}}}`), 3); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(into)
	if want := `{"components":{"responses":{"A":{}},"schemas":{"A":{"type":"object"},"B":{}}},"openapi":"3.1.0","paths":{"/a":{"get":{"summary":"1"},"put":{}},"/b":{"get":{}}}}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	for _, again := range []string{`{"openapi": "3.1.0"}`, `{"paths": {"/a": {"get": {"tags": []}}}}`, `{"components": {"schemas": {"B": {"title": "B"}}}}`} {
		if err := merge(into, read(again), 3); err == nil {
			t.Errorf("%s is taken", again)
		}
	}
}

// Generators of clients, and the library by which these tests hold answers against the
// document, read nothing that stands beside a $ref.
func TestNothingInTheDocumentStandsBesideARef(t *testing.T) {
	b, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(b, &document); err != nil {
		t.Fatal(err)
	}
	var look func(at string, v any)
	look = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, ok := v["$ref"].(string); ok && len(v) > 1 {
				t.Errorf("%s has more than its $ref: put both into an allOf", at)
			}
			for key, part := range v {
				look(at+"/"+key, part)
			}
		case []any:
			for i, part := range v {
				look(fmt.Sprintf("%s/%d", at, i), part)
			}
		}
	}
	look("", document)
}
