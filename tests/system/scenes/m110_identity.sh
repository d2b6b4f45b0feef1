# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# What a job is: its user's, in everything that the kernel knows of it, and nobody else's.

for user in alice bob carol; do
        # shellcheck disable=SC2016 # for the inner shell
        runuser -u $user -- env -i USER=$user HOME=/home/$user PATH=/usr/bin:/bin MINE="a word" sh -c '
                cd && umask 027 && ulimit -Sn 128 && ulimit -Hn 256 && ulimit -c 0 &&
                exec jobctl run /usr/bin/python3 '$here'/audit.py' >$state/$user.json
        judged=0
        while IFS=$'\t' read -r verdict name; do
                check "$user's job: $name" is "$verdict" ok
                judged=$((judged + 1))
        done < <(python3 $here/identity.py $user $state/$user.json || echo "identity.py failed	all")
        check "$user's job was looked at" [ $judged -gt 20 ]
done

check "it runs in a control group of its own" is "$(as bob run cat /proc/self/cgroup | sed 's/[0-9]*\.[0-9.]*$/N/')" \
        "0::/system.slice/jobd-workers.service/u1002/jN"
check "a folder that alice may not enter is refused" status_is 125 saying as alice run --cwd /root true
check "and named" said /root
echo "bob's own" >/home/bob/secret && chown bob: /home/bob/secret && chmod 600 /home/bob/secret
check "alice's job does not read bob's file" status_is 125 saying as alice run -i /home/bob/secret cat
check "nor write it" status_is 125 saying as alice run -o /home/bob/secret echo mine
check "it is as it was" is "$(cat /home/bob/secret)" "bob's own"
as alice run --cwd /home/alice -o made touch also-made
check "files are their user's" is "$(stat -c %U:%G /home/alice/made /home/alice/also-made | tr '\n' ' ')" "alice:alice alice:alice "
check "three users at once" is "$(for user in alice bob carol; do as $user run id -un & done | sort | tr '\n' ' ')" "alice bob carol "
