# SPDX-License-Identifier: Apache-2.0
"""jobd dies in the middle of changes of queues: what was answered is there, and jobs stay in their queue."""

import harness
import world

PLACES = ("journal.begin", "journal.before_commit", "journal.after_commit", "journal.before_durable", "engine.durable")
SETTINGS = {"policy": "POLICY_LIFO", "width_tasks": 1, "weight": 250, "time_limit_usec": 3_600_000_000, "users": "0,@0"}


class QueuesSurvive(world.World):
    def change(self, action, name, **more):
        """Answered at last; a change that had happened before jobd died may say so."""
        def ask(client):
            reply = client.reply(client.send(queue={"action": action, "name": name, **more}))
            return reply["queue"] if "queue" in reply else reply["error"]
        return self.talk(ask)

    def queues(self):
        def ask(client):
            return client.reply(client.send(queue={"action": "QUEUE_LIST"}))["queue"]["queues"]
        return {q["name"]: q for q in self.talk(ask)}

    def submit_held(self, queue):
        key = world.new_key()
        return self.talk(lambda client: client.submit([b"/bin/true"], key=key, cwd=b"/", hold=True, queue=queue))["first_id"]

    def at(self, place, visit):
        self.start_world(f"{place}=kill:{visit}")
        self.change("QUEUE_ADD", "night", settings=SETTINGS)
        job = self.submit_held("night")
        self.change("QUEUE_PAUSE", "night")
        self.change("QUEUE_ADD", "gone")
        self.change("QUEUE_SET", "default", settings={"width_tasks": 7})
        moved = self.submit_held("gone")
        self.change("QUEUE_REMOVE", "gone", move_to="night")
        self.daemon.kill()
        self.start_world()
        queues = self.queues()
        self.assertEqual({"default", "night"}, set(queues))
        self.assertEqual(7, queues["default"]["settings"]["width_tasks"])
        night = queues["night"]
        self.assertEqual(SETTINGS, {key: night["settings"][key] for key in SETTINGS})
        self.assertTrue(night["paused"])
        self.assertEqual(2, int(night["jobs"]))
        jobs = self.talk(lambda client: client.jobs(job, moved))
        self.assertEqual(["night"] * 2, [jobs[job]["queue"], jobs[moved]["queue"]])
        # Its id is not given to another, which would inherit its past.
        self.change("QUEUE_ADD", "gone")
        self.assertEqual(0, int(self.queues()["gone"]["jobs"]))
        return self.deaths


def make_test(place, visit):
    def test(self):
        self.assertEqual(1, self.at(place, visit), "nothing died there")
    return test


for chosen in PLACES:
    for number in (2, 4, 6):
        setattr(QueuesSurvive, f"test_{chosen.replace('.', '_')}_{number}", make_test(chosen, number))

if __name__ == "__main__":
    harness.main()
