package api

import (
	"slices"
	"strconv"
	"strings"
)

// refusals are the statuses with which requests are refused that could be mended, as the
// document describes them. What is the controller's fault is in the responses' default.
var refusals = []struct {
	status     int
	name, text string
}{
	{400, "BadRequest", "The request is wrong, or what it asks for is not possible here."},
	{401, "Unauthorized", "There is no token, or none that is valid."},
	{402, "NotDone", "The request is right, but the door or reader did not do it."},
	{403, "Forbidden", "This token may not do it: it lacks the scope, or its maker the right."},
	{404, "NotFound", "There is no such thing."},
	{409, "Conflict", "The same request is being carried out."},
	{412, "PreconditionFailed", "Somebody has changed it meanwhile."},
	{413, "ContentTooLarge", "The body has more than 1 MiB."},
	{422, "KeyUsed", "Another request had this Idempotency-Key."},
	{428, "PreconditionRequired", "Send If-Match."},
	{429, "TooManyRequests", "Come again after the time in Retry-After."},
}

// describeRefusals adds to each operation with which of the refusals it may answer: as its
// method, path and parameters say, and x-refused, a list of others.
func describeRefusals(document map[string]any) {
	components := document["components"].(map[string]any)
	responses := components["responses"].(map[string]any)
	for path, item := range document["paths"].(map[string]any) {
		item := item.(map[string]any)
		for method, o := range item {
			if method == "parameters" {
				continue
			}
			o := o.(map[string]any)
			answers := o["responses"].(map[string]any)
			whole := answers["default"].(map[string]any)["$ref"].(string) // Refused or Problem
			whole = whole[strings.LastIndexByte(whole, '/')+1:]
			statuses := statusesOf(method, path, o)
			delete(o, "x-refused")
			for _, r := range refusals {
				if !slices.Contains(statuses, r.status) {
					continue
				}
				name := whole + r.name
				answers[strconv.Itoa(r.status)] = map[string]any{"$ref": "#/components/responses/" + name}
				described := map[string]any{"description": r.text, "content": responses[whole].(map[string]any)["content"]}
				if r.status == 429 {
					described["headers"] = map[string]any{"Retry-After": map[string]any{"required": true, "description": "Seconds.", "schema": map[string]any{"type": "integer", "minimum": 1}}}
				}
				responses[name] = described
			}
		}
	}
}

// statusesOf returns the statuses of the refusals with which an operation may answer.
func statusesOf(method, path string, o map[string]any) []int {
	var statuses []int
	others, _ := o["x-refused"].([]any)
	for _, status := range others {
		statuses = append(statuses, int(status.(float64)))
	}
	if len(o["responses"].(map[string]any)) == 1 { // it is never carried out, so nobody needs a scope
		return append(statuses, 400, 401, 429)
	}
	statuses = append(statuses, 401, 403, 429)
	parameters, _ := o["parameters"].([]any)
	if method != "get" || len(parameters) > 0 {
		statuses = append(statuses, 400)
	}
	if strings.Contains(path, "{") {
		statuses = append(statuses, 404)
	}
	if o["requestBody"] != nil {
		statuses = append(statuses, 413)
	}
	for _, p := range parameters {
		p := p.(map[string]any)
		switch {
		case p["$ref"] == "#/components/parameters/IdempotencyKey":
			statuses = append(statuses, 409, 422)
		case p["name"] == "If-Match":
			statuses = append(statuses, 412, 428)
		}
	}
	return statuses
}
