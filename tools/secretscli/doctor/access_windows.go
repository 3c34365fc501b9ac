package doctor

import "io/fs"

// access does not judge: a folder's access list on Windows takes its meaning from
// the groups of the machine and the domain.
func access(path string, _ fs.FileInfo) (status Status, message, next string) {
	return Skip, path + " exists; its access list is not judged on Windows",
		"see that only administrators and the service's account may use it"
}
