"""ElastiCache beyond moto 5.2.5: groups of users, and caches that answer where a test can reach them and are gone once they are deleted."""

from moto.core.responses import ActionResult
from moto.elasticache import models
from moto.elasticache.exceptions import ElastiCacheException
from moto.elasticache.responses import ElastiCacheResponse


class Settings:
    # Where caches are reached; the name that moto makes up when left out.
    address = ""


_groups: dict[tuple[str, str, str], dict] = {}


def reset() -> None:
    _groups.clear()


def install() -> None:
    _user_groups()
    _caches()


class NoSuchGroup(ElastiCacheException):
    code = "UserGroupNotFoundFault"

    def __init__(self, id: str):
        super().__init__(f"User group {id} not found.")


class GroupExists(ElastiCacheException):
    code = "UserGroupAlreadyExistsFault"

    def __init__(self, id: str):
        super().__init__(f"User group {id} already exists.")


class GroupInUse(ElastiCacheException):
    code = "InvalidUserGroupStateFault"

    def __init__(self, id: str):
        super().__init__(f"User group {id} is used by a replication group.")


class NoDefaultUser(ElastiCacheException):
    code = "DefaultUserRequired"

    def __init__(self):
        super().__init__("A user group needs a user with the name default.")


def _user_groups() -> None:
    def key(self, id):
        return (self.current_account, self.region, id)

    def found(self, id):
        if key(self, id) not in _groups:
            raise NoSuchGroup(id)
        return _groups[key(self, id)]

    def create(self):
        params = self._get_params()
        id, users = params["UserGroupId"], params.get("UserIds", [])
        if key(self, id) in _groups:
            raise GroupExists(id)
        named = [self.elasticache_backend.describe_users(user)[0].name for user in users]
        if "default" not in named:
            raise NoDefaultUser()
        _groups[key(self, id)] = {
            "UserGroupId": id,
            "Status": "active",
            "Engine": params["Engine"],
            "UserIds": users,
            "MinimumEngineVersion": "6.0",
            "ARN": f"arn:aws:elasticache:{self.region}:{self.current_account}:usergroup:{id}",
        }
        self.elasticache_backend.add_tags_to_resource(_groups[key(self, id)]["ARN"], params.get("Tags", []))
        return ActionResult(_groups[key(self, id)])

    def describe(self):
        id = self._get_params().get("UserGroupId")
        mine = [group for (account, region, _), group in _groups.items() if (account, region) == (self.current_account, self.region)]
        return ActionResult({"UserGroups": mine if id is None else [found(self, id)]})

    def delete(self):
        id = self._get_params()["UserGroupId"]
        gone = found(self, id)
        if any(id in (each.user_group_ids or []) for each in self.elasticache_backend.replication_groups.values()):
            raise GroupInUse(id)
        del _groups[key(self, id)]
        return ActionResult({**gone, "Status": "deleting"})

    ElastiCacheResponse.create_user_group = create
    ElastiCacheResponse.describe_user_groups = describe
    ElastiCacheResponse.delete_user_group = delete


def _caches() -> None:
    create, backend = models.ReplicationGroup.__init__, models.ElastiCacheBackend
    delete_cache, delete_user = backend.delete_replication_group, backend.delete_user

    def new_cache(self, *args, **kwargs):
        create(self, *args, **kwargs)
        for group in self.node_groups if Settings.address else []:
            if "primary_endpoint" in group:
                group["primary_endpoint_address"] = Settings.address
                group["primary_endpoint"] = {**group["primary_endpoint"], "address": Settings.address}

    def deleted_cache(self, replication_group_id, *args, **kwargs):
        answer = delete_cache(self, replication_group_id, *args, **kwargs)
        del self.replication_groups[replication_group_id]
        return answer

    def deleted_user(self, user_id):
        answer = delete_user(self, user_id)
        del self.users[user_id]
        return answer

    def delete_subnet_group(self):
        name = self._get_params()["CacheSubnetGroupName"]
        known = self.elasticache_backend.cache_subnet_groups
        if name not in known:
            raise models.CacheSubnetGroupNotFound(name)
        del known[name]
        return ActionResult({})

    # moto knows no tags of groups of users.
    backend.list_tags_for_resource = lambda self, arn: self.tagging_service.list_tags_for_resource(arn)
    models.ReplicationGroup.__init__ = new_cache
    backend.delete_replication_group = deleted_cache
    backend.delete_user = deleted_user
    ElastiCacheResponse.delete_cache_subnet_group = delete_subnet_group
