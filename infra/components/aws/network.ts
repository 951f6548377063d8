import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import { nameOf, type Place } from "./place.ts";

export interface NetworkArgs {
  place: Place;
  /** Addresses of the network: a block of 16 bits, such as 10.20.0.0/16. Default: 10.20.0.0/16. */
  cidr?: string;
  /** Letters of the availability zones, at least two. Default: a and b. */
  zones?: readonly string[];
  /** `none`: nothing inside reaches anything but AWS services by endpoints. `nat`: functions reach the internet through one address (about 35 US dollars a month). Default: none. */
  egress?: "none" | "nat";
}

/** A private network for what is reached by address: nothing in it has a public one. */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  readonly privateSubnetIds: pulumi.Output<string>[];
  /** Group of the functions that are inside. */
  readonly functionsGroupId: pulumi.Output<string>;
  /** Group of the data stores: from functions alone. */
  readonly storesGroupId: pulumi.Output<string>;

  readonly #place: Place;
  readonly #cidr: string;

  constructor(name: string, args: NetworkArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:Network", name, {}, options);
    const { place, cidr = "10.20.0.0/16", zones = ["a", "b"], egress = "none" } = args;
    this.#place = place;
    this.#cidr = cidr;

    this.vpcId = this.#createVpc();
    const routeTableId = this.#createRouteTable("private");
    this.privateSubnetIds = zones.map((zone, index) =>
      this.#createSubnet(`private-${zone}`, zone, index, routeTableId),
    );
    this.functionsGroupId = this.#createGroup("functions", "Functions of the API");
    this.storesGroupId = this.#createGroup("stores", "Data stores, for functions alone");
    const endpointsGroupId = this.#createGroup("endpoints", "Endpoints of AWS services, for functions alone");
    this.#letIn("functions-to-endpoints", endpointsGroupId, 443);
    this.#createGatewayEndpoint("dynamodb", routeTableId);
    this.#createInterfaceEndpoint("secretsmanager", endpointsGroupId);
    if (egress === "nat") this.#createWayOut(zones[0] ?? "a", zones.length, routeTableId);

    this.registerOutputs({ vpcId: this.vpcId });
  }

  /** Lets functions reach a port of the data stores, and nothing else. */
  openStorePort(name: string, port: number): void {
    this.#letIn(name, this.storesGroupId, port);
  }

  #createVpc(): pulumi.Output<string> {
    const vpc = new aws.ec2.Vpc(
      "network",
      {
        cidrBlock: this.#cidr,
        enableDnsHostnames: true,
        enableDnsSupport: true,
        tags: this.#named("network"),
      },
      { parent: this },
    );
    return vpc.id;
  }

  #createRouteTable(name: string): pulumi.Output<string> {
    return new aws.ec2.RouteTable(name, { vpcId: this.vpcId, tags: this.#named(name) }, { parent: this }).id;
  }

  #createSubnet(
    name: string,
    zone: string,
    index: number,
    routeTableId: pulumi.Output<string>,
  ): pulumi.Output<string> {
    const subnet = new aws.ec2.Subnet(
      name,
      {
        vpcId: this.vpcId,
        cidrBlock: blockOf(this.#cidr, index),
        availabilityZone: `${this.#place.region}${zone}`,
        mapPublicIpOnLaunch: false,
        tags: this.#named(name),
      },
      { parent: this },
    );
    new aws.ec2.RouteTableAssociation(name, { routeTableId, subnetId: subnet.id }, { parent: this });
    return subnet.id;
  }

  #createGroup(name: string, description: string): pulumi.Output<string> {
    return new aws.ec2.SecurityGroup(
      name,
      {
        name: nameOf(this.#place, name),
        description,
        vpcId: this.vpcId,
        tags: this.#named(name),
      },
      { parent: this },
    ).id;
  }

  /** A pair of rules: out of the functions' group, into the other one. */
  #letIn(name: string, toGroupId: pulumi.Output<string>, port: number): void {
    const what = {
      description: name,
      ipProtocol: "tcp",
      fromPort: port,
      toPort: port,
      tags: this.#place.tags,
    };
    new aws.vpc.SecurityGroupIngressRule(
      name,
      { ...what, securityGroupId: toGroupId, referencedSecurityGroupId: this.functionsGroupId },
      { parent: this },
    );
    new aws.vpc.SecurityGroupEgressRule(
      name,
      { ...what, securityGroupId: this.functionsGroupId, referencedSecurityGroupId: toGroupId },
      { parent: this },
    );
  }

  #createGatewayEndpoint(service: string, routeTableId: pulumi.Output<string>): void {
    const endpoint = new aws.ec2.VpcEndpoint(
      service,
      {
        vpcId: this.vpcId,
        serviceName: `com.amazonaws.${this.#place.region}.${service}`,
        vpcEndpointType: "Gateway",
        routeTableIds: [routeTableId],
        tags: this.#named(service),
      },
      { parent: this },
    );
    new aws.vpc.SecurityGroupEgressRule(
      `functions-to-${service}`,
      {
        securityGroupId: this.functionsGroupId,
        description: `functions-to-${service}`,
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        prefixListId: endpoint.prefixListId,
        tags: this.#place.tags,
      },
      { parent: this },
    );
  }

  #createInterfaceEndpoint(service: string, groupId: pulumi.Output<string>): void {
    new aws.ec2.VpcEndpoint(
      service,
      {
        vpcId: this.vpcId,
        serviceName: `com.amazonaws.${this.#place.region}.${service}`,
        vpcEndpointType: "Interface",
        subnetIds: this.privateSubnetIds,
        securityGroupIds: [groupId],
        privateDnsEnabled: true,
        tags: this.#named(service),
      },
      { parent: this },
    );
  }

  #createWayOut(zone: string, subnetsBefore: number, privateRouteTableId: pulumi.Output<string>): void {
    const everywhere = "0.0.0.0/0";
    const own = { parent: this };
    const gateway = new aws.ec2.InternetGateway(
      "network",
      { vpcId: this.vpcId, tags: this.#named("network") },
      own,
    );
    const publicTableId = this.#createRouteTable("public");
    const publicSubnetId = this.#createSubnet(`public-${zone}`, zone, subnetsBefore, publicTableId);
    new aws.ec2.Route(
      "public-out",
      { routeTableId: publicTableId, destinationCidrBlock: everywhere, gatewayId: gateway.id },
      own,
    );
    const address = new aws.ec2.Eip("nat", { domain: "vpc", tags: this.#named("nat") }, own);
    const nat = new aws.ec2.NatGateway(
      "nat",
      { allocationId: address.allocationId, subnetId: publicSubnetId, tags: this.#named("nat") },
      { ...own, dependsOn: gateway },
    );
    new aws.ec2.Route(
      "private-out",
      { routeTableId: privateRouteTableId, destinationCidrBlock: everywhere, natGatewayId: nat.id },
      own,
    );
    new aws.vpc.SecurityGroupEgressRule(
      "functions-to-internet",
      {
        securityGroupId: this.functionsGroupId,
        description: "functions-to-internet",
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        cidrIpv4: everywhere,
        tags: this.#place.tags,
      },
      own,
    );
  }

  #named(part: string): Record<string, string> {
    return { ...this.#place.tags, Name: nameOf(this.#place, part) };
  }
}

/** The block of 256 addresses with this number inside of a network of 16 bits. */
function blockOf(cidr: string, index: number): string {
  const [first = "", second = ""] = cidr.split(".");
  return `${first}.${second}.${index}.0/24`;
}
