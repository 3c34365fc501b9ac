package fakevault

import (
	"encoding/json"
	"net/http"
)

// controlRoutes lets tests in other processes do what those in this one do with
// methods.
func (s *Server) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /control/answers", func(w http.ResponseWriter, r *http.Request) {
		var answers []Answer
		if err := json.NewDecoder(r.Body).Decode(&answers); err != nil {
			http.Error(w, "expected an array of answers: "+err.Error(), http.StatusBadRequest)
			return
		}
		s.Fail(answers...)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /control/requests", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Requests())
	})
	mux.HandleFunc("DELETE /control/requests", func(w http.ResponseWriter, _ *http.Request) {
		s.Forget()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /control/{host}/{name}/disabled", func(w http.ResponseWriter, r *http.Request) {
		s.Disable(r.PathValue("host"), r.PathValue("name"), r.URL.Query().Get("value") != "false")
		w.WriteHeader(http.StatusNoContent)
	})
}
