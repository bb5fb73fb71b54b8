package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// tag is the strong ETag (RFC 9110, section 8.8.3) of a revision.
func tag(revision uint64) string { return `"` + strconv.FormatUint(revision, 36) + `"` }

// tagged sets the answer's ETag. It returns true if the client has that already: then the
// answer is only that.
func (c *call) tagged(revision uint64) bool {
	c.w.Header().Set("ETag", tag(revision))
	given := c.r.Header.Values("If-None-Match")
	if len(given) == 0 || !slices.ContainsFunc(tags(given), func(t string) bool { return t == "*" || strings.TrimPrefix(t, "W/") == tag(revision) }) {
		return false
	}
	c.w.WriteHeader(http.StatusNotModified)
	return true
}

// ifMatch returns the revision that the client edits, 0: any. It must have said so.
func (c *call) ifMatch() (revision uint64, err error) {
	given := tags(c.r.Header.Values("If-Match"))
	if len(given) == 0 {
		return 0, refuse(http.StatusPreconditionRequired, codeParams, "Send the ETag that you got in the header If-Match, so that nobody's change is lost; * overwrites whatever is there")
	}
	if len(given) == 1 && given[0] == "*" {
		return 0, nil
	}
	if len(given) == 1 {
		text, quoted := strings.CutPrefix(given[0], `"`)
		text, ended := strings.CutSuffix(text, `"`)
		revision, err = strconv.ParseUint(text, 36, 64)
		if quoted && ended && err == nil && revision != 0 {
			return revision, nil
		}
	}
	return 0, stale()
}

func stale() *refusal {
	return refuse(http.StatusPreconditionFailed, codeForbidden, "It is not, or no more, what the ETag in If-Match names; get it again, and send the change with its new ETag")
}

// tags splits the values of header fields that hold ETags.
func tags(values []string) (all []string) {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
	}
	return all
}
