package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
)

// fragments are the parts of the document that describes the API, one for each area.
//
//go:embed openapi/*.json
var fragments embed.FS

// openAPI returns the OpenAPI document, put together from the fragments. It fails if two of
// them describe the same.
func openAPI() ([]byte, error) {
	names, err := fs.Glob(fragments, "openapi/*.json")
	if err != nil {
		return nil, err
	}
	document := map[string]any{}
	for _, name := range names {
		b, err := fragments.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var fragment map[string]any
		if err := json.Unmarshal(b, &fragment); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		// As deep as paths, their methods, and components by their kind and name.
		if err := merge(document, fragment, 3); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	describeRefusals(document)
	return json.Marshal(document)
}

// merge adds what is in from to into, and to the objects in it as far down as depth says.
func merge(into, from map[string]any, depth int) error {
	for key, value := range from {
		before, ok := into[key]
		if !ok {
			into[key] = value
			continue
		}
		a, isObject := before.(map[string]any)
		b, areBoth := value.(map[string]any)
		if depth == 1 || !isObject || !areBoth {
			return fmt.Errorf("%s is described twice", key)
		}
		if err := merge(a, b, depth-1); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// serveOpenAPI answers GET /openapi.json, for which nobody needs a token: the document says
// nothing about the site.
func (a *API) serveOpenAPI() http.HandlerFunc {
	document, err := openAPI()
	if err != nil {
		panic(err) // impossible: our own files
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		w.Write(document)
	}
}
