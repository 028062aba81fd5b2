"""People and their memberships, as the directory keeps them: by id, by project and by person."""

from schemas.people import OWNER, Member, Person

_NOBODY: dict[str, Member] = {}
_OWNER = Person(id=OWNER, mail="", name="admin", version=0, created=0)


class PeopleTable:
    """Fed and read as the directory is: each write is one atomic change of one dictionary."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._members: dict[str, Member] = {}
        # By project and by person, then by id.
        self._of_project: dict[str, dict[str, Member]] = {}
        self._of_person: dict[str, dict[str, Member]] = {}

    def apply(self, kind: str, id: str, record: object | None) -> None:
        """Take one record of `definitions`, of the kind `person` or `member`; None: it is gone."""
        if kind == "person" and (record is None or isinstance(record, Person)):
            self._set_person(id, record)
        elif kind == "member" and (record is None or isinstance(record, Member)):
            self._set_member(id, record)

    def _set_person(self, id: str, person: Person | None) -> None:
        if person is None:
            self._people.pop(id, None)
        else:
            self._people[id] = person

    def _set_member(self, id: str, member: Member | None) -> None:
        before = self._members.get(id)
        if member is not None:
            self._members[id] = member
            self._of_project.setdefault(member.project, {})[id] = member
            self._of_person.setdefault(member.person, {})[id] = member
        elif before is not None:
            self._of_person[before.person].pop(id, None)
            self._of_project[before.project].pop(id, None)
            del self._members[id]

    def __bool__(self) -> bool:
        """Whether there is anybody besides the owner of the instance."""
        return len(self._people) > (OWNER in self._people)

    def person(self, id: str) -> Person | None:
        """The person with this id. The owner of the instance is there without a record, too."""
        return self._people.get(id, _OWNER if id == OWNER else None)

    def owner(self) -> Person:
        """The owner of the instance."""
        return self._people.get(OWNER, _OWNER)

    def of_subject(self, subject: str) -> Person | None:
        """Whom the OpenID Connect provider knows by this id."""
        return next((person for person in list(self._people.values()) if subject and person.subject == subject), None)

    def everybody(self) -> list[Person]:
        """All people but the owner of the instance, by their mail addresses."""
        people = [person for person in list(self._people.values()) if person.id != OWNER]
        return sorted(people, key=lambda person: person.mail)

    def member(self, id: str) -> Member | None:
        """The membership with this id, be it an invitation."""
        return self._members.get(id)

    def members_of(self, project: str) -> list[Member]:
        """Who is in a project or is invited, by their mail addresses."""
        return sorted(list(self._of_project.get(project, _NOBODY).values()), key=lambda member: member.mail)

    def memberships_of(self, person: str) -> list[Member]:
        """What a person is in projects, and is invited to be."""
        return list(self._of_person.get(person, _NOBODY).values())

    def secrets(self) -> list[str]:
        """Everything of them that is stored encrypted. May be called in another thread."""
        return [person.totp for person in list(self._people.values()) if person.totp]
