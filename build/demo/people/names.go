package people

func givenNames() []string {
	return []string{
		"Ada", "Adam", "Agnes", "Aisha", "Alan", "Amara", "Anders", "Anna", "Antonio", "Astrid", "Ben", "Björn",
		"Camille", "Carlos", "Chen", "Chloé", "Clara", "Daniel", "David", "Deniz", "Diego", "Elena", "Elif", "Emil",
		"Emma", "Eva", "Fatima", "Felix", "Fiona", "François", "Freya", "Georg", "Grace", "Hana", "Henrik", "Hugo",
		"Ines", "Ingrid", "Isaac", "Ivan", "Jana", "Jonas", "José", "Julia", "Jürgen", "Kai", "Karin", "Kofi",
		"Laila", "Lars", "Lena", "Leo", "Lucía", "Magnus", "Maja", "Marek", "Maria", "Mei", "Milan", "Mina",
		"Nadia", "Niko", "Noor", "Olga", "Omar", "Oskar", "Paul", "Petra", "Priya", "Rahul", "René", "Rosa",
		"Sara", "Sven", "Tariq", "Tereza", "Theo", "Tomás", "Vera", "Wei", "Yara", "Yusuf", "Zoë", "Zuzana",
	}
}

func familyNames() []string {
	return []string{
		"Abebe", "Almeida", "Andersson", "Bakker", "Bauer", "Becker", "Bianchi", "Brandt", "Brown", "Carvalho",
		"Chen", "Cohen", "Costa", "da Silva", "Demir", "Diaz", "Dubois", "Dvorak", "Eriksen", "Fernández", "Fischer",
		"Fontaine", "Garcia", "Gruber", "Haddad", "Hansen", "Horvath", "Huber", "Ito", "Ivanov", "Jensen", "Johansson",
		"Kaya", "Keller", "Kim", "Kowalski", "Kumar", "Larsen", "Lee", "Lehmann", "Lopez", "Łukasik", "Maier", "Martin",
		"Mehta", "Moreau", "Müller", "Muñoz", "Nakamura", "Nguyen", "Nielsen", "Novak", "O'Brien", "Okafor", "Olsen",
		"Papadopoulos", "Patel", "Peters", "Popescu", "Ricci", "Rossi", "Sato", "Schäfer", "Schmidt", "Silva", "Singh",
		"Smith", "Søndergaard", "Svensson", "Tanaka", "Taylor", "Vargas", "Virtanen", "Weber", "Weiß", "Wójcik", "Yilmaz", "Zhang",
	}
}

func cities() []string {
	return []string{"Amsterdam", "Berlin", "Copenhagen", "Dublin", "Kraków", "Lisbon", "Lyon", "Madrid", "Milano", "Stockholm", "Wien", "Zürich"}
}

type department struct {
	name   string
	titles []string
}

func departments() []department {
	return []department{
		{"Engineering", []string{"Software Engineer", "Test Engineer", "Site Reliability Engineer", "Engineering Manager"}},
		{"Finance", []string{"Accountant", "Controller", "Payroll Specialist"}},
		{"Human Resources", []string{"Recruiter", "HR Business Partner"}},
		{"IT Operations", []string{"Systems Administrator", "Service Desk Agent", "Network Engineer"}},
		{"Legal", []string{"Counsel", "Compliance Officer"}},
		{"Logistics", []string{"Dispatcher", "Warehouse Lead", "Buyer"}},
		{"Marketing", []string{"Brand Manager", "Content Editor"}},
		{"Sales", []string{"Account Executive", "Sales Engineer", "Inside Sales Representative"}},
	}
}
